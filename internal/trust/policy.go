package trust

import (
	"io/fs"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"syscall"
)

// JamfProgram is where Jamf installs its program, in its own directories. /usr/local/bin/jamf is a link to it. On Macs
// with an Intel processor Homebrew gives that directory to a user.
const JamfProgram = "/usr/local/jamf/bin/jamf"

// Policy says who may be able to change a kind of file. Root and our own user always may.
type Policy struct {
	// name is the policy's purpose, as in the documentation.
	name string
	kind kind
	// writers are the groups that may write to the file itself. above are the groups that may write to directories that
	// lead to it.
	writers, above []group
	// private is for files that only the owner may read.
	private bool
	// corrects is for files whose mode usherd sets itself: only the owner is judged.
	corrects bool
	// noLink refuses a path that is a symbolic link. Links above it are followed.
	noLink bool
	// consequence continues the reason in an error: what others could do if they changed the file.
	consequence string
	// key is the configuration's key of the path. If elsewhere is set, the fix is to set the key to it.
	key, elsewhere string
}

// kind is the kind of file that a policy is for.
type kind int

const (
	regularFile kind = iota
	program
	directory
)

// String continues "it is not".
func (k kind) String() string {
	return [...]string{regularFile: "a regular file", program: "an executable file", directory: "a directory"}[k]
}

// group is a group that a policy lets write.
type group struct {
	gid  uint32
	name string
	// only is the system on which the number means this group; empty means every system.
	only string
}

var (
	// root is the group of root: wheel on macOS. Its members have root's rights.
	root = group{0, "`wheel` (Linux: `root`)", ""}
	// admin are the administrators of a Mac. They can become root with sudo, but their processes cannot without their
	// password. So this group may write only where usher reads nothing that root runs.
	admin = group{80, "`admin` (macOS)", "darwin"}
	// daemon may write to /private/var/run on every Mac (root:daemon, mode 0775). No person is a member.
	daemon = group{1, "`daemon` (macOS)", "darwin"}
)

// The policies. All of them trust root and our own user.
var (
	// Jamf is the program that root runs for an inventory.
	Jamf = Policy{name: "`jamf.executable`", kind: program, writers: []group{root}, above: []group{root},
		consequence: "so others could have root run another program", key: "jamf.executable", elsewhere: JamfProgram}
	// Program is every other program that root runs.
	Program = Policy{name: "programs that root runs", kind: program, writers: []group{root}, above: []group{root},
		consequence: "so others could have root run another program"}
	// ProgramDirectory is a directory in which root looks for a program by its name.
	ProgramDirectory = Policy{name: "directories in which root looks for `ssh`", kind: directory,
		writers: []group{root}, above: []group{root},
		consequence: "so others could have root run another program"}
	// Agent is the program that usherd lets in as a user's agent. No group may write to it.
	Agent = Policy{name: "`agent.executable`", kind: program, above: []group{root},
		consequence: "so others than root can change which program is let in as an agent", key: "agent.executable"}
	// Portal is Company Portal, which users run as themselves. /Applications is root:admin with mode 0775 on every Mac.
	Portal = Policy{name: "`portal.executable`", kind: program, writers: []group{root, admin},
		above:       []group{root, admin},
		consequence: "so others could have put another program there", key: "portal.executable"}
	// Secret is a file with a secret or a private key.
	Secret = Policy{name: "files with secrets and private keys", kind: regularFile, private: true,
		above:       []group{root, admin},
		consequence: "who could put another file in its place"}
	// SecretDirectory is the directory that such a file is written into.
	SecretDirectory = Policy{name: "the directory of `delivery.api.client_secret_file`, when usher writes it",
		kind: directory, writers: []group{root}, above: []group{root, admin}, noLink: true,
		consequence: "who could put another file in its place"}
	// KeyDirectory is the folder of a fleet's keys and credentials. `usherctl fleet` reads and writes it for its
	// caller.
	KeyDirectory = Policy{name: "folders of `usherctl fleet init` and `credentials`", kind: directory,
		above:       []group{root},
		consequence: "so others could have the keys, or put others in their place"}
	// Certificates is a file with usher's own certificate, or with the authorities that usher trusts.
	Certificates = Policy{name: "files of certificates (`listener.certificate_file`, `listener.client_ca_file`, " +
		"`fleet.ca_file`, `fleet.certificate_file`)", kind: regularFile, writers: []group{root},
		above:       []group{root, admin},
		consequence: "so others could have usher trust their own servers or clients"}
	// Configuration is a file that controls what root does.
	Configuration = Policy{name: "configuration files, when root reads them", kind: regularFile,
		above:       []group{root, admin},
		consequence: "and root would obey it"}
	// Log is a log that root reads for an archive.
	Log = Policy{name: "logs that root reads", kind: regularFile, writers: []group{root, admin},
		above: []group{root, admin}, noLink: true,
		consequence: "so others could have put it there"}
	// LogDirectory is the directory of usherd's log.
	LogDirectory = Policy{name: "the directory of usherd's log", kind: directory, writers: []group{root},
		above: []group{root, admin}, noLink: true,
		consequence: "so others could put files and links there"}
	// LogFolder is the same directory when usherd or an installation closes it to users: its mode is corrected.
	LogFolder = Policy{name: "the directory of usherd's log, when it is closed to users", kind: directory,
		corrects: true, above: []group{root, admin}, noLink: true,
		consequence: "so others could put files and links there"}
	// Sockets is the directory of usherd's sockets. Lock is the file in it that names the server.
	Sockets = Policy{name: "`socket_directory`", kind: directory, writers: []group{root},
		above: []group{root, admin, daemon}, noLink: true,
		consequence: "so others could put their own sockets there", key: "socket_directory"}
	Lock = Policy{name: "the lock file of a socket", kind: regularFile, corrects: true,
		above: []group{root, admin, daemon}, noLink: true,
		consequence: "so others could keep usherd from its sockets"}
	// State is the directory of the journal. StateFile is a file in it.
	State = Policy{name: "`state_directory`", kind: directory, writers: []group{root}, above: []group{root, admin},
		noLink:      true,
		consequence: "so others could change what usherd remembers", key: "state_directory"}
	StateFile = Policy{name: "the journal", kind: regularFile, corrects: true, above: []group{root, admin},
		noLink:      true,
		consequence: "so others could change what usherd remembers"}
)

// Policies returns all policies.
func Policies() []Policy {
	return []Policy{Jamf, Program, ProgramDirectory, Agent, Portal, Secret, SecretDirectory, KeyDirectory, Certificates,
		Configuration, Log, LogDirectory, LogFolder, Sockets, Lock, State, StateFile}
}

// String is the policy's name.
func (p Policy) String() string { return p.name }

// system is the platform that the groups belong to. Tests set it.
var system = runtime.GOOS

// judge returns why the owner or the mode of a file lets others change it. groups are those that may write to it.
func judge(info fs.FileInfo, groups []group) (Reason, bool) {
	stat := info.Sys().(*syscall.Stat_t)
	switch mode := info.Mode(); {
	case !ours(stat.Uid):
		return Owner, false
	case mode&fs.ModeSymlink != 0: // the mode of a link says nothing
		return 0, true
	case mode.Perm()&0o002 != 0:
		return Everybody, false
	case mode.Perm()&0o020 != 0 && !admits(groups, stat.Gid) && !ownGroup(stat.Gid):
		return Group, false
	}
	return 0, true
}

// ours reports whether a uid is root's or our own.
func ours(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }

// ownGroup reports whether a group is a user's own group, with the user's name. Debian, Fedora and others make one for
// each user, and it may write to what that user makes (https://wiki.debian.org/UserPrivateGroups). Root has none: its
// group has other members on a Mac.
func ownGroup(gid uint32) bool {
	if system != "linux" || os.Geteuid() == 0 || int(gid) != os.Getegid() {
		return false
	}
	group, err := user.LookupGroupId(strconv.Itoa(int(gid)))
	if err != nil {
		return int(gid) == os.Geteuid() // neither has a name
	}
	own, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	return err == nil && group.Name == own.Username
}

func admits(groups []group, gid uint32) bool {
	return slices.ContainsFunc(groups, func(g group) bool { return g.gid == gid && (g.only == "" || g.only == system) })
}
