package trust

import (
	"flag"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher.internal/internal/documented"
)

var update = flag.Bool("update", false, "write the table of the documentation")

// on makes the groups those of a system.
func on(t *testing.T, name string) {
	before := system
	system = name
	t.Cleanup(func() { system = before })
}

// status is a file with an owner and a mode.
type status struct {
	uid, gid uint32
	mode     fs.FileMode
}

func (s status) Name() string       { return "x" }
func (s status) Size() int64        { return 0 }
func (s status) Mode() fs.FileMode  { return s.mode }
func (s status) ModTime() time.Time { return time.Time{} }
func (s status) IsDir() bool        { return s.mode.IsDir() }
func (s status) Sys() any           { return &syscall.Stat_t{Uid: s.uid, Gid: s.gid} }

// Each policy decides which groups may write. A group means something only on its own system.
func TestGroupsThatMayWrite(t *testing.T) {
	const staff = 20 // every user of a Mac is a member
	for _, test := range []struct {
		system        string
		gid           uint32
		itself, above []Policy
	}{
		{"darwin", 0, []Policy{Jamf, Program, ProgramDirectory, Portal, SecretDirectory, Certificates, Log,
			LogDirectory, Sockets, State},
			Policies()},
		{"darwin", 80, []Policy{Portal, Log},
			[]Policy{Portal, Secret, SecretDirectory, Certificates, Configuration, Log, LogDirectory, LogFolder,
				Sockets,
				Lock, State, StateFile}},
		{"darwin", 1, nil, []Policy{Sockets, Lock}},
		{"darwin", staff, nil, nil},
		{"linux", 0, []Policy{Jamf, Program, ProgramDirectory, Portal, SecretDirectory, Certificates, Log, LogDirectory,
			Sockets, State},
			Policies()},
		{"linux", 80, nil, nil},
		{"linux", 1, nil, nil},
	} {
		on(t, test.system)
		among := func(list []Policy, one Policy) bool {
			return slices.ContainsFunc(list, func(p Policy) bool { return p.name == one.name })
		}
		for _, policy := range Policies() {
			if _, ok := judge(status{0, test.gid, 0o775}, policy.writers); ok != among(test.itself, policy) {
				t.Errorf("%s: group %d may write to a %v: %t", test.system, test.gid, policy, ok)
			}
			if _, err := policy.leads("/x", "/", status{0, test.gid, fs.ModeDir | 0o775}); (err == nil) !=
				among(test.above, policy) {
				t.Errorf("%s: group %d may write above a %v: %v", test.system, test.gid, policy, err)
			}
			if _, err := policy.leads("/x", "/", status{0, test.gid, fs.ModeDir | 0o777}); err == nil {
				t.Errorf("%s: everybody may write above a %v", test.system, policy)
			}
		}
	}
}

func TestEveryPolicyIsComplete(t *testing.T) {
	names := map[string]bool{}
	for _, policy := range Policies() {
		if policy.name == "" || names[policy.name] || policy.consequence == "" || len(policy.above) == 0 {
			t.Errorf("%+v", policy)
		}
		names[policy.name] = true
		// /bin is a link on Linux, and a fleet's folder belongs to a user.
		mayBeLink := policy.name == ProgramDirectory.name || policy.name == KeyDirectory.name
		if policy.kind == directory && policy.noLink == mayBeLink {
			t.Errorf("%v: follows a link: %t", policy, !policy.noLink)
		}
	}
}

func TestTableOfTheDocumentation(t *testing.T) {
	listed := func(groups []group) string {
		names := []string{"root"}
		for _, group := range groups {
			names = append(names, group.name)
		}
		return strings.Join(names, ", ")
	}
	var table strings.Builder
	table.WriteString("| what | who may be able to write to it | who may be able to write to a directory on the way " +
		"| may be a symbolic link |\n| --- | --- | --- | --- |\n")
	for _, policy := range Policies() {
		itself := listed(policy.writers)
		switch {
		case policy.private:
			itself += "; nobody else may read it"
		case policy.corrects:
			itself += "; usherd corrects its mode"
		}
		link := "yes"
		if policy.noLink {
			link = "no"
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", policy.name, itself, listed(policy.above), link)
	}
	documented.Part(t, "../../docs/configuration.md", "trust", "go test ./internal/trust -update", table.String(),
		*update)
}
