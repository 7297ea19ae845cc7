package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"usher.internal/internal/layout"
	"usher.internal/internal/wpj"
)

// value is a value from a file: a list, or the text of anything else. Both formats come down to text, because `defaults
// write` makes a string of everything unless it is given a type.
type value struct {
	text   string
	list   []string
	isList bool
}

// orDefault returns the value, or the row's default if the value is empty. It drops empty entries of a list: a form
// writes one for each line that was added but not filled in.
func (v value) orDefault(r row) value {
	if v.isList {
		v.list = slices.DeleteFunc(slices.Clone(v.list),
			func(entry string) bool { return strings.TrimSpace(entry) == "" })
	}
	if len(v.list) == 0 && strings.TrimSpace(v.text) == "" {
		return value{text: r.Default}
	}
	return v
}

// none is the word for the empty value of a row whose default is not empty.
const none = "none"

// orNoneAllowed ends the allowed values of such a row.
const orNoneAllowed = ", or " + none

// orNone lets none mean the empty value. A profile has no other way to say it: an empty value there means the default.
func orNone(r row) row {
	set, get := r.set, r.get
	r.Allowed = strings.TrimSuffix(r.Allowed, ", or empty") + orNoneAllowed
	if r.Default == "" {
		r.Default = none
	}
	r.set = func(c *Config, v value) error {
		if v.text == none || len(v.list) == 1 && strings.TrimSpace(v.list[0]) == none {
			v = value{}
		}
		return set(c, v)
	}
	r.get = func(c *Config) string {
		if text := get(c); text != "" {
			return text
		}
		return none
	}
	return r
}

// Limits that keep a mistake in a file from causing harm elsewhere.
const (
	maximumText      = 1024
	maximumEndpoints = 32
	maximumNames     = 64
	// maximumSocketPath is the limit for the address of a Unix socket on macOS, where it is smaller: 104 with the final
	// NUL.
	maximumSocketPath = 103
)

type presence bool

const (
	required presence = true
	optional presence = false
)

// A regular expression is compiled when a file uses it, not at every start of every program.
var (
	guidExpression = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)
	})
	nameExpression = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
	})
	versionExpression = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9}){0,3}$`)
	})
	hostExpression = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^([0-9A-Za-z_]([0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?\.)*[0-9A-Za-z_]([0-9A-Za-z_-]{0,` +
			`61}[0-9A-Za-z_])?\.?$`)
	})
)

// text makes a row of a key that has one value. parse returns what is wrong with it.
func text(key Key, parse func(*Config, string) error, get func(*Config) string) row {
	return row{Key: key, get: get, set: func(c *Config, v value) error {
		if v.isList {
			return errors.New("is a list, one value is expected")
		}
		if len(v.text) > maximumText {
			return fmt.Errorf("is longer than %d bytes", maximumText)
		}
		if strings.ContainsFunc(v.text, unicode.IsControl) {
			return errors.New("contains control characters")
		}
		return parse(c, v.text)
	}}
}

func textField(key Key, field func(*Config) *string, check func(string) (string, error)) row {
	return text(key,
		func(c *Config, given string) error {
			kept, err := check(given)
			if err == nil {
				*field(c) = kept
			}
			return err
		},
		func(c *Config) string { return *field(c) })
}

func line(name, fallback string, presence presence, description string, field func(*Config) *string) row {
	allowed := "one line of text"
	if presence == required {
		allowed += ", not empty"
	}
	return textField(Key{name, "text", allowed, fallback, description}, field, func(given string) (string, error) {
		given = strings.TrimSpace(given)
		if presence == required && given == "" {
			return "", errors.New("is empty")
		}
		return given, nil
	})
}

func path(name, fallback, description string, field func(*Config) *string) row {
	return textField(Key{name, "path", "an absolute path", fallback, description}, field, absolute)
}

func optionalPath(name, fallback, description string, field func(*Config) *string) row {
	return textField(Key{name, "path", "an absolute path, or empty", fallback, description}, field,
		func(given string) (string, error) {
			if given == "" {
				return "", nil
			}
			return absolute(given)
		})
}

func socketDirectory(name, fallback, description string, field func(*Config) *string) row {
	// A socket is first made next to its place, under a longer name (link.Listen).
	longest := maximumSocketPath - len("/") - len("."+".new") - max(len(layout.HelperSocket), len(layout.AgentSocket))
	allowed := fmt.Sprintf("an absolute path of at most %d bytes", longest)
	return textField(Key{name, "path", allowed, fallback, description}, field, func(given string) (string, error) {
		clean, err := absolute(given)
		if err == nil && len(clean) > longest {
			err = fmt.Errorf("is %d bytes long, too long for the address of a socket in it", len(clean))
		}
		return clean, err
	})
}

func absolute(given string) (string, error) {
	if !filepath.IsAbs(given) {
		return "", errors.New("is not an absolute path")
	}
	return filepath.Clean(given), nil
}

func guid(name, fallback, description string, get func(*Config) string, set func(*Config, string)) row {
	key := Key{name, "GUID", "32 hexadecimal digits in groups of 8-4-4-4-12, or empty", fallback, description}
	return text(key, func(c *Config, given string) error {
		if given != "" && !guidExpression().MatchString(given) {
			return errors.New("is not a GUID")
		}
		set(c, given)
		return nil
	}, get)
}

// computerIDKey is the key for which Jamf Pro fills in jssID.
const (
	computerIDKey = "delivery.api.computer_id"
	jssID         = "$JSSID"
)

// computerID is a number like Jamf Pro's IDs, as text or number: Jamf fills either into a profile.
func computerID(name, fallback, description string, field func(*Config) *string) row {
	return textField(Key{name, "ID", "a positive number, or empty", fallback, description}, field,
		func(given string) (string, error) {
			given = strings.TrimSpace(given) // a form or a line of a profile may add spaces
			if strings.HasPrefix(given, "$") {
				return "", errors.New("was not filled in by Jamf Pro, which does that in profiles that it distributes")
			}
			number, err := strconv.ParseUint(given, 10, 32)
			if given != "" && (err != nil || number == 0 || strconv.FormatUint(number, 10) != given) {
				return "", errors.New("is not the ID of a computer")
			}
			return given, nil
		})
}

// platformID is an ID of Jamf's platform. Its form is not published.
func platformID(name, fallback, description string, field func(*Config) *string) row {
	return textField(Key{name, "platform ID", "a text without spaces that does not begin with $, or empty", fallback,
		description}, field,
		func(given string) (string, error) {
			if strings.HasPrefix(given, "$") || strings.ContainsFunc(given, unicode.IsSpace) {
				return "", errors.New("is not an ID of Jamf's platform")
			}
			return given, nil
		})
}

func setTenantID(c *Config, given string) { c.Tenant.ID = wpj.TenantID(strings.ToLower(given)) }

func hostName(name, fallback, description string, field func(*Config) *string) row {
	return textField(Key{name, "host", "a host name without scheme or port", fallback, description}, field,
		func(given string) (string, error) {
			if len(given) > 253 || !hostExpression().MatchString(given) {
				return "", errors.New("is not a host name")
			}
			return strings.ToLower(given), nil
		})
}

func choice(name, fallback string, values []string, description string, set func(*Config, string) error,
	get func(*Config) string) row {
	key := Key{name, "choice", strings.Join(values, ", "), fallback, description}
	return text(key, func(c *Config, given string) error {
		if !slices.Contains(values, given) {
			return errors.New("is not known")
		}
		return set(c, given)
	}, get)
}

func boolean(name string, fallback bool, description string, field func(*Config) *bool) row {
	key := Key{name, "boolean", "true, false", strconv.FormatBool(fallback), description}
	return text(key, func(c *Config, given string) error {
		if given != "true" && given != "false" {
			return errors.New("is not a boolean")
		}
		*field(c) = given == "true"
		return nil
	}, func(c *Config) string { return strconv.FormatBool(*field(c)) })
}

func duration(name string, fallback, shortest, longest time.Duration, description string,
	field func(*Config) *time.Duration) row {
	allowed := fmt.Sprintf("a duration from %s to %s with its unit, such as 90s, 30m or 1h30m", durationText(shortest),
		durationText(longest))
	key := Key{name, "duration", allowed, durationText(fallback), description}
	return text(key, func(c *Config, given string) error {
		parsed, err := time.ParseDuration(given)
		switch {
		case err != nil:
			return errors.New("is not a duration")
		case parsed < shortest:
			return errors.New("is too short")
		case parsed > longest:
			return errors.New("is too long")
		}
		*field(c) = parsed
		return nil
	}, func(c *Config) string { return durationText(*field(c)) })
}

// durationText is [time.Duration.String] without zero units at its end: 30m instead of 30m0s.
func durationText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func userID(name string, fallback uint32, description string, field func(*Config) *uint32) row {
	key := Key{name, "uid", "a number from 0 to 4294967294", strconv.FormatUint(uint64(fallback), 10), description}
	return text(key, func(c *Config, given string) error {
		parsed, err := strconv.ParseUint(given, 10, 32)
		if err != nil || parsed == 1<<32-1 { // the last one is (uid_t)-1, "no user"
			return errors.New("is not a uid")
		}
		*field(c) = uint32(parsed)
		return nil
	}, func(c *Config) string { return strconv.FormatUint(uint64(*field(c)), 10) })
}

// version is numbers with dots, like a bundle's CFBundleShortVersionString.
func version(name, fallback, description string, field func(*Config) *string) row {
	return textField(Key{name, "version", "numbers with dots, such as 5.2504.0, or empty", fallback, description},
		field,
		func(given string) (string, error) {
			if given != "" && !versionExpression().MatchString(given) {
				return "", errors.New("is not a version")
			}
			return given, nil
		})
}

// choices is a list of some of the values, without duplicates.
func choices(name, fallback string, values []string, description string, field func(*Config) *[]string) row {
	return listField(Key{name, "list",
		"a list of some of " + strings.Join(values, ", ") + ", or the same as one text with commas", fallback,
		description},
		field, len(values), func(given string) error {
			if !slices.Contains(values, given) {
				return errors.New("is not known")
			}
			return nil
		}, nil)
}

func endpoints(name, fallback, description string, field func(*Config) *[]string) row {
	return listField(Key{name, "list of host:port",
		fmt.Sprintf("a list of at most %d host:port or %s, or the same as one text with commas", maximumEndpoints,
			Automatic), fallback, description},
		field, maximumEndpoints, func(entry string) error {
			if entry == Automatic {
				return nil
			}
			return checkEndpoint(entry)
		}, hidePasswords)
}

// listField is a list of at most longest entries, each of which check accepts. If secretive is not nil, it hides what
// an error must not show.
func listField(key Key, field func(*Config) *[]string, longest int, check func(string) error,
	secretive func(string) string) row {
	return row{
		Key:       key,
		secretive: secretive,
		get:       func(c *Config) string { return strings.Join(*field(c), ", ") },
		set: func(c *Config, v value) error {
			given := v.list
			if !v.isList && strings.TrimSpace(v.text) != "" {
				given = strings.Split(v.text, ",")
			}
			if len(given) > longest {
				return fmt.Errorf("has %d entries", len(given))
			}
			kept := make([]string, 0, len(given))
			for _, entry := range given {
				entry = strings.TrimSpace(entry)
				if err := check(entry); err != nil {
					// a comma may be part of a password
					if secretive != nil && (secretive(entry) != entry || secretive(v.text) != v.text) {
						return fmt.Errorf("has an entry %s: %w", notShown, err)
					}
					return fmt.Errorf("has the entry %q: %w", entry, err)
				}
				kept = append(kept, entry)
			}
			*field(c) = kept
			return nil
		},
	}
}

func checkEndpoint(endpoint string) error {
	host, port, err := net.SplitHostPort(endpoint)
	if err != nil {
		return errors.New("not host:port")
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return errors.New("the port is not a number from 1 to 65535")
	}
	if _, err := netip.ParseAddr(host); err != nil && (len(host) > 253 || !hostExpression().MatchString(host)) {
		return errors.New("the host is neither a name nor an address")
	}
	return nil
}

func baseURL(name, fallback, description string, field func(*Config) *string) row {
	row := textField(Key{name, "URL",
		"an https URL (http for this computer's own addresses) without user, query or fragment, or empty", fallback,
		description},
		field, checkURL)
	row.secretive = hidePasswords
	return row
}

// proxyURL is the address of an HTTP proxy. It has no user, because admins see the configuration and profiles deliver
// it.
func proxyURL(name, fallback, description string, field func(*Config) *string) row {
	key := Key{name, "proxy URL",
		"an http or https URL with a port, without user or path, such as http://proxy.example.com:8080, or empty",
		fallback, description}
	row := textField(key, field, func(given string) (string, error) {
		given = strings.TrimSpace(given)
		if given == "" {
			return "", nil
		}
		parsed, err := url.Parse(given)
		switch {
		case err != nil || parsed.Hostname() == "":
			return "", errors.New("is not a URL with a host")
		case parsed.User != nil:
			return "", errors.New("has a user in it; usher keeps no password of a proxy")
		case parsed.Scheme != "http" && parsed.Scheme != "https":
			return "", errors.New("is not an http or https URL")
		case strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.ForceQuery ||
			parsed.Fragment != "":
			return "", errors.New("has more than a host and a port")
		case parsed.Port() == "":
			return "", errors.New("has no port")
		}
		if err := checkEndpoint(parsed.Host); err != nil {
			return "", fmt.Errorf("has an invalid host and port: %w", err)
		}
		return parsed.Scheme + "://" + parsed.Host, nil
	})
	row.secretive = hidePasswords
	return row
}

// hidePasswords hides a URL with a user (also as %40), a query or a fragment, because it may contain a password or a
// token.
func hidePasswords(given string) string {
	if strings.ContainsAny(given, "@%?#") {
		return notShown
	}
	return given
}

func checkURL(given string) (string, error) {
	if given == "" {
		return "", nil
	}
	parsed, err := url.Parse(given)
	switch {
	case err != nil || parsed.Host == "" || parsed.Hostname() == "":
		return "", errors.New("is not a URL with a host")
	case parsed.User != nil:
		return "", errors.New("has a user in it")
	case parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "":
		return "", errors.New("has a query or a fragment")
	case parsed.Scheme == "https", parsed.Scheme == "http" && IsLoopback(parsed.Hostname()):
		return strings.TrimRight(given, "/#"), nil
	default:
		return "", errors.New("is not an https URL")
	}
}

// listenAddress is the address of a listener: host:port. The host is optional.
func listenAddress(name, fallback, description string, field func(*Config) *string) row {
	return textField(Key{name, "address", "host:port, or :port for every address of this computer, or empty", fallback,
		description}, field,
		func(given string) (string, error) {
			if given == "" {
				return "", nil
			}
			if strings.HasPrefix(given, ":") {
				return given, checkEndpoint("localhost" + given)
			}
			return given, checkEndpoint(given)
		})
}

// certificateNames are subject alternative names.
func certificateNames(name, fallback, description string, field func(*Config) *[]string) row {
	key := Key{name, "list of names",
		fmt.Sprintf("a list of at most %d names without spaces, or the same as one text with commas", maximumNames),
		fallback, description}
	return listField(key, field, maximumNames, func(given string) error {
		if given == "" || len(given) > 253 ||
			strings.ContainsFunc(given, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
			return errors.New("not a name")
		}
		if strings.Contains(given, "*") {
			return errors.New("wildcards are not allowed; name each client")
		}
		return nil
	}, nil)
}

// natsServers are URLs of NATS servers.
func natsServers(name, fallback, description string, field func(*Config) *[]string) row {
	key := Key{name, "list of URLs",
		fmt.Sprintf("a list of at most %d URLs such as tls://nats1.example.org:4222 (nats:// for this computer's own "+
			"addresses), or the same as one text with commas", maximumEndpoints), fallback, description}
	return listField(key, field, maximumEndpoints, func(given string) error {
		parsed, err := url.Parse(given)
		switch {
		case err != nil || parsed.Hostname() == "":
			return errors.New("not a URL with a host")
		case parsed.User != nil:
			return errors.New("has a user in it; credentials belong in files")
		case parsed.Path != "" || parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "":
			return errors.New("has more than a host and a port")
		case parsed.Scheme == "tls", parsed.Scheme == "nats" && IsLoopback(parsed.Hostname()):
			return nil
		}
		return errors.New("not a tls URL")
	}, hidePasswords)
}

// macName accepts what IsMac of internal/fleet accepts. It does not call IsMac, because that package would bring all of
// NATS into usher-agent. A test compares both.
func macName(name, fallback, description string, field func(*Config) *string) row {
	return textField(Key{name, "name", "letters, digits, - and _, at most 64 of them, or empty", fallback, description},
		field,
		func(given string) (string, error) {
			if given != "" && !nameExpression().MatchString(given) {
				return "", errors.New("is not a valid name")
			}
			if given == "all" {
				return "", errors.New("means every Mac of the fleet; choose another name")
			}
			return given, nil
		})
}
