// Package trust answers one question: who besides root and our own user can change this file, or put another one in its
// place?
//
// A [Policy] holds the answer that a kind of file needs; the policies are the table in policy.go. [Policy.Check] is for
// files that are run, [Policy.Open] for files that are read, [Policy.MakeDirectory] and [Policy.TakeDirectory] for
// directories that usher writes into.
//
// A check walks the path as the kernel does, from the root directory: every directory of the path, every symbolic link
// on the way, and every directory that leads to the target of each link. It follows at most [MaximumLinks] links. Each
// directory is checked before a name is looked up in it, so nobody but root and our own user can change what was found,
// during the check or later. The path that a check returns has no link in it: use it, and not the path that was
// configured.
//
// A sticky directory such as /tmp protects the names in it that belong to root or to us. It does not protect a name
// that does not exist yet, nor a link of another user.
//
// What is looked at is owner, group and mode. What is not:
//   - Access control lists, of macOS and of Linux. An entry of a list can let a user write although the mode does not.
//   - Who is a member of a group. A policy names the groups that may write; the group that many Linux systems make for
//     each
//     user may write where that user may, unless it is root.
//   - How a file came into a directory. A hard link, or a file of root's that a user has moved into a directory of
//     their own, has the owner
//     and mode that it had before.
//   - What is mounted. A file system of the network can report any owner.
//
// Nothing of this was run on a Mac.
package trust
