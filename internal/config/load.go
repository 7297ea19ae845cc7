package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Layer says where a value came from.
type Layer string

// The layers, the strongest first. In the managed layer an empty key has its default, even if an empty value means
// something else in a file. The reason is that Jamf Pro's forms write keys that nobody has filled in.
const (
	LayerManaged Layer = "managed"
	LayerLocal   Layer = "local"
	LayerDefault Layer = "default"
)

// Loaded is a valid configuration that remembers where each value came from.
type Loaded struct {
	Config
	// Places are the places that Load looked at. Files are the files that it read, the strongest first.
	Places Places
	Files  []string

	origins map[string]origin
}

// origin is where a key's value is.
type origin struct {
	layer Layer
	file  string
	line  int
}

// Value is one key with its present value, in the form of a configuration file. `usherctl config show` prints its JSON.
type Value struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	// Origin is "default", or the layer and its file, for example "managed (/Library/Managed
	// Preferences/org.usher.plist)".
	Origin      string `json:"origin"`
	Default     string `json:"default"`
	Description string `json:"description"`
	Layer       Layer  `json:"-"`
}

// Load reads the configuration from the platform's places. A path replaces the place of the local file. A file may be
// missing in the platform's places, but not at path. The error joins a [KeyError] for every problem of every file.
// Unreadable files are errors too (wrapping [ErrNotTrusted] and the like).
func Load(path string) (*Loaded, error) { return whole(Salvage(path)) }

// Salvage is [Load] for callers that only ask the helper, which has its last good configuration. It returns the
// readable part of the files along with the error. Keys that are missing or wrong have their defaults.
func Salvage(path string) (*Loaded, error) {
	places := PlatformPlaces()
	if path == "" {
		return places.load(false)
	}
	places.Local = path
	return places.load(true)
}

// LoadForProfile is [Load] for callers that make a profile of the configuration. There delivery.api.computer_id may
// also be $JSSID, which Jamf Pro fills in for each computer when it distributes the profile.
func LoadForProfile(path string) (*Loaded, error) {
	places := PlatformPlaces()
	places.variables = true
	if path == "" {
		return whole(places.load(false))
	}
	places.Local = path
	return whole(places.load(true))
}

// Load reads the configuration from these places. A missing file is fine.
func (p Places) Load() (*Loaded, error) { return whole(p.load(false)) }

func whole(loaded *Loaded, err error) (*Loaded, error) {
	if err != nil {
		return nil, err
	}
	return loaded, nil
}

func (p Places) load(localRequired bool) (*Loaded, error) {
	loaded := &Loaded{Config: Default(), Places: p, origins: map[string]origin{}}
	var problems []error
	var unread error
	for _, place := range []struct {
		layer    Layer
		path     string
		required bool
	}{{LayerManaged, p.Managed, false}, {LayerLocal, p.Local, localRequired}} {
		if place.path == "" {
			continue
		}
		entries, err := readFile(place.path)
		if errors.Is(err, fs.ErrNotExist) && !place.required {
			continue
		}
		if errors.Is(err, fs.ErrPermission) && place.layer == LayerLocal && !place.required {
			unread = &notReadable{err}
			continue
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		loaded.Files = append(loaded.Files, place.path)
		for _, problem := range loaded.apply(place.layer, place.path, entries) {
			problems = append(problems, problem)
		}
	}
	if len(problems) == 0 {
		problems = loaded.checkTogether()
	}
	if len(problems) == 0 && unread != nil {
		return loaded, unread
	}
	return loaded, errors.Join(append(problems, unread)...)
}

// notReadable is the error if the only problem is that this user may not read the local file. `defaults write` creates
// it with mode 0600 (https://github.com/chilcote/outset/issues/53).
type notReadable struct{ err error }

func (e *notReadable) Error() string { return e.err.Error() }
func (e *notReadable) Unwrap() error { return e.err }

// apply takes one file's entries into the configuration. It also checks values that a stronger layer overrides.
func (l *Loaded) apply(layer Layer, file string, entries []entry) (problems []*KeyError) {
	seen := map[string]int{}
	for _, found := range entries {
		row, known := find(found.key)
		problem := &KeyError{File: file, Line: found.line, Key: found.key}
		if !known {
			problem.Key = shownKey(found.key)
		}
		first, twice := seen[found.key]
		seen[found.key] = found.line
		switch {
		case !known && isSection(found.key) && found.empty:
			continue
		case !known && isSection(found.key):
			problem.Problem = "is a section with keys of its own, not a key"
		case renamed[found.key] != "":
			problem.Problem = "is called " + renamed[found.key] + " now"
		case !known:
			problem.Problem, problem.Suggestion = "is not a known key", nearest(found.key)
			if found.problem != "" && problem.Suggestion == "" {
				problem.Problem = found.problem
			}
		case twice && first > 0:
			problem.Problem = fmt.Sprintf("is set twice, in line %d too", first)
		case twice:
			problem.Problem = "is set twice"
		case found.empty && layer != LayerManaged:
			problem.Problem, problem.Allowed = `has no value; remove the key, or write "" where empty is allowed`,
				row.Allowed
		case found.problem != "":
			problem.Problem, problem.Allowed = found.problem, row.Allowed
		default:
			if layer == LayerManaged {
				found.value = found.value.orDefault(row)
			}
			_, decided := l.origins[row.Name]
			target := &l.Config
			if decided { // only to check it
				target = &Config{}
			}
			if l.Places.variables && row.Name == computerIDKey && strings.TrimSpace(found.text) == jssID {
				target.Delivery.API.ComputerID = jssID
			} else if err := row.set(target, found.value); err != nil {
				problem.Problem, problem.Allowed, problem.Value = err.Error(), row.Allowed, row.show(found.value)
				break
			}
			if !decided {
				l.origins[row.Name] = origin{layer: layer, file: file, line: found.line}
			}
			continue
		}
		problems = append(problems, problem)
	}
	return problems
}

// checkTogether applies the rules that need more than one key.
func (l *Loaded) checkTogether() (problems []error) {
	needs := func(because, why string, names ...string) {
		chosen := l.origins[because]
		for _, name := range names {
			if row, _ := find(name); row.get(&l.Config) == "" {
				problems = append(problems, &KeyError{File: chosen.file, Line: chosen.line, Key: name,
					Problem: "is empty, but needed because " + why, Allowed: row.Allowed})
			}
		}
	}
	if l.Delivery.Mode == DeliverByAPI {
		needs("delivery.mode", "delivery.mode is api", "delivery.api.url", "delivery.api.client_id",
			"delivery.api.client_secret_file")
	}
	if key, problem := l.gatewayProblem(); problem != "" {
		at, set := l.origins[key]
		if !set {
			at = l.origins["delivery.api.url"]
		}
		problems = append(problems, &KeyError{File: at.file, Line: at.line, Key: key, Problem: problem})
	}
	if l.Listener.Address != "" {
		needs("listener.address", "listener.address is set", "listener.certificate_file", "listener.key_file",
			"listener.client_ca_file", "listener.allowed_names")
	}
	fleet := l.Fleet
	if fleet.CertificateFile != "" {
		needs("fleet.certificate_file", "fleet.certificate_file is set", "fleet.key_file")
	}
	if len(fleet.Servers) > 0 && fleet.CredentialsFile == "" && fleet.NKeyFile == "" && fleet.CertificateFile == "" {
		at := l.origins["fleet.servers"]
		problems = append(problems, &KeyError{File: at.file, Line: at.line, Key: "fleet.servers",
			Problem: "needs one of fleet.credentials_file, fleet.nkey_file or fleet.certificate_file; none is set"})
	}
	return problems
}

// Values returns every key with its value and origin, in the order of the documentation. It contains no secret.
func (l *Loaded) Values() []Value {
	values := make([]Value, 0, len(rows()))
	for _, row := range rows() {
		value := Value{Key: row.Name, Value: row.get(&l.Config), Origin: string(LayerDefault),
			Default: row.Default, Description: row.Description, Layer: LayerDefault}
		if origin, ok := l.origins[row.Name]; ok {
			value.Layer = origin.layer
			value.Origin = fmt.Sprintf("%s (%s)", origin.layer, origin.file)
		}
		values = append(values, value)
	}
	return values
}

// show returns a bad value for an error: not too long, and without what may be a secret.
func (r row) show(v value) string {
	const longest = 120
	shown := v.text
	if v.isList {
		shown = strings.Join(v.list, ", ")
	}
	switch {
	case shown == "":
	case r.secret, isSecretLike(r.Name):
		return notShown
	case r.secretive != nil:
		shown = r.secretive(shown)
	}
	if len(shown) > longest {
		shown = strings.ToValidUTF8(shown[:longest], "") + "…"
	}
	return shown
}

func isSection(key string) bool {
	for _, row := range rows() {
		if strings.HasPrefix(row.Name, key+".") {
			return true
		}
	}
	return false
}
