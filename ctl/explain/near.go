package explain

import (
	"cmp"
	"slices"
	"strings"

	"usher.internal/internal/english"
	"usher.internal/internal/errorcode"
)

const (
	// shortestNear and longestNear limit the length of a query for which similar names are looked for. A shorter query
	// resembles too many names; a longer one is not a name.
	shortestNear, longestNear = 4, 60
	maximumNear               = 5
)

// nearNames returns names that a query may mean, the nearest first. They contain the query, or differ from it by at
// most one letter in four.
func nearNames(query string) []string {
	if len(query) < shortestNear || len(query) > longestNear {
		return nil
	}
	query = plainName(query)
	distances := map[string]int{}
	consider := func(name string) {
		other := plainName(name)
		distance := english.Distance(query, other)
		if strings.Contains(other, query) {
			distance = 0
		}
		if distance <= len(query)/4 {
			distances[name] = distance
		}
	}
	for _, one := range slices.Concat(exitCodeExplanations(), namedExplanations()) {
		consider(one.Name)
	}
	for _, c := range errorcode.All() {
		consider(c.Name)
	}
	near := make([]string, 0, len(distances))
	for name := range distances {
		near = append(near, name)
	}
	slices.SortFunc(near, func(a,
		b string) int {
		return cmp.Or(cmp.Compare(distances[a], distances[b]), strings.Compare(a, b))
	})
	return near[:min(len(near), maximumNear)]
}
