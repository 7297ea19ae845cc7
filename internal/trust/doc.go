// Package trust answers one question: who besides root and our own user can change this file, or put another one in its
// place?
//
// A [Policy] holds the answer that a kind of file needs; the policies are the table in policy.go. [Policy.Check] is for
// programs to run, and [Policy.Open] is for files to read. [Policy.MakeDirectory] and [Policy.TakeDirectory] are for
// directories that usher writes into.
//
// A check walks the path as the kernel does, from the root directory. It covers every directory and every symbolic link
// on the path, and every directory that leads to a link's target. It follows at most [MaximumLinks] links. It checks
// each directory before it looks up a name in it. Only root and our own user can therefore change the result, during
// the check or later. The returned path contains no link: use it, and not the configured path.
//
// A sticky directory such as /tmp protects names in it that belong to root or to us. It does not protect a missing
// name, or a link of another user.
//
// A check looks at owner, group and mode. It does not look at:
//   - Access control lists, of macOS and of Linux. An entry of a list can let a user write although the mode does not.
//   - The members of a group. A policy names the groups that may write. Many Linux systems make a group for each user;
//     it may write where its user may, unless that user is root.
//   - How a file came into a directory. A hard link, or a file of root's that a user has moved into their own
//     directory, keeps its owner and mode.
//   - Mounts. A network file system can report any owner.
//
// Nobody ran this on a Mac.
package trust
