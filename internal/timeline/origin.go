package timeline

import (
	"cmp"
	"slices"

	"usher.internal/internal/applog"
	"usher.internal/internal/lazyregexp"
)

// origin is where a log is from, according to its path.
type origin struct {
	// user is the owner of the home that has the log, or "" if it is not in a home.
	user string
	// mac is the path up to a Mac's own folders, for example the folder into which its logs were copied. known is false
	// if the path has no such folder.
	mac   string
	known bool
}

var (
	homePattern = lazyregexp.New(`^(|.*[/!])(?:Users|home)/([^/!]+)/`)
	macPattern  = lazyregexp.New(`^(|.*[/!])(?:(?:private/)?var/log|Library/Logs)/`)
)

// originOf returns where a log is from. Of several homes in its path the last one applies: logs of other Macs may be in
// a Downloads folder.
func originOf(name string) origin {
	home, whole := homePattern.FindStringSubmatch(name), macPattern.FindStringSubmatch(name)
	switch {
	case whole != nil && (home == nil || len(whole[1]) > len(home[0])):
		return origin{mac: whole[1], known: true}
	case home == nil:
		return origin{}
	case home[2] == "Shared":
		return origin{mac: home[1], known: true}
	}
	return origin{user: home[2], mac: home[1], known: true}
}

// group is a set of events that may be compared with each other: those of one user of a Mac, or those without a user.
type group struct {
	user   string
	events map[applog.Source][]*found
}

// computer is a Mac with logs in the report.
type computer struct {
	logs   []*collected
	groups []*group
}

// computers groups the logs by Mac. If there is only one Mac, logs of unknown origin belong to it.
func (c *Collector) computers() []*computer {
	var names []string
	for _, log := range c.logs {
		if log.origin.known && !slices.Contains(names, log.origin.mac) {
			names = append(names, log.origin.mac)
		}
	}
	byName := map[origin]*computer{}
	var all []*computer
	for _, log := range c.logs {
		of := origin{mac: log.origin.mac, known: log.origin.known || len(names) == 1}
		if len(names) == 1 {
			of.mac = names[0]
		}
		if byName[of] == nil {
			byName[of] = &computer{}
			all = append(all, byName[of])
		}
		byName[of].logs = append(byName[of].logs, log)
	}
	for _, one := range all {
		one.divide()
	}
	return all
}

// divide builds a Mac's groups. If the Mac has only one user, events without a user belong to that user. With two
// users, they may belong to either.
func (c *computer) divide() {
	owner := func(log *collected, f *found) string {
		if log.user == "" && f.Source == applog.SourceUsher {
			return f.user
		}
		return log.user
	}
	byUser := map[string]*group{}
	for _, log := range c.logs {
		for i := range log.found {
			f := &log.found[i]
			user := owner(log, f)
			if byUser[user] == nil {
				byUser[user] = &group{user: user, events: map[applog.Source][]*found{}}
				c.groups = append(c.groups, byUser[user])
			}
			byUser[user].events[f.Source] = append(byUser[user].events[f.Source], f)
		}
	}
	if len(byUser) != 2 || byUser[""] == nil {
		slices.SortFunc(c.groups, func(a, b *group) int { return cmp.Compare(a.user, b.user) })
		return
	}
	only := &group{events: map[applog.Source][]*found{}}
	for _, log := range c.logs {
		for i := range log.found {
			only.events[log.found[i].Source] = append(only.events[log.found[i].Source], &log.found[i])
		}
	}
	for user := range byUser {
		only.user = cmp.Or(only.user, user)
	}
	c.groups = []*group{only}
}

// isShared reports whether a source has a log on a Mac that is not in a user's home.
func (c *computer) isShared(source applog.Source) bool {
	return slices.ContainsFunc(c.logs, func(log *collected) bool { return log.user == "" && log.has(source) })
}

// has reports whether a log has entries of a source.
func (l *collected) has(source applog.Source) bool {
	for format := range l.formats {
		if format.Source() == source {
			return true
		}
	}
	return false
}
