// Package lazyregexp has regular expressions that are compiled at their first use. Jamf starts usherctl for each
// extension attribute. Compiling the expressions for logs at each start took longer than the answer itself.
package lazyregexp

import (
	"regexp"
	"sync"
)

// Regexp is a regular expression with the methods of package regexp. Several goroutines may use it.
type Regexp struct {
	compiled func() *regexp.Regexp
}

// New returns a regular expression. If it does not compile, its first use panics.
func New(expression string) *Regexp {
	return &Regexp{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })}
}

// MatchString is [regexp.Regexp.MatchString].
func (r *Regexp) MatchString(text string) bool { return r.compiled().MatchString(text) }

// FindStringSubmatch is [regexp.Regexp.FindStringSubmatch].
func (r *Regexp) FindStringSubmatch(text string) []string {
	return r.compiled().FindStringSubmatch(text)
}

// FindStringIndex is [regexp.Regexp.FindStringIndex].
func (r *Regexp) FindStringIndex(text string) []int { return r.compiled().FindStringIndex(text) }

// FindAllString is [regexp.Regexp.FindAllString].
func (r *Regexp) FindAllString(text string, limit int) []string {
	return r.compiled().FindAllString(text, limit)
}

// FindAllStringSubmatch is [regexp.Regexp.FindAllStringSubmatch].
func (r *Regexp) FindAllStringSubmatch(text string, limit int) [][]string {
	return r.compiled().FindAllStringSubmatch(text, limit)
}

// FindAllStringSubmatchIndex is [regexp.Regexp.FindAllStringSubmatchIndex].
func (r *Regexp) FindAllStringSubmatchIndex(text string, limit int) [][]int {
	return r.compiled().FindAllStringSubmatchIndex(text, limit)
}

// ReplaceAllStringFunc is [regexp.Regexp.ReplaceAllStringFunc].
func (r *Regexp) ReplaceAllStringFunc(text string, by func(string) string) string {
	return r.compiled().ReplaceAllStringFunc(text, by)
}

// ReplaceAllString is [regexp.Regexp.ReplaceAllString].
func (r *Regexp) ReplaceAllString(text, by string) string {
	return r.compiled().ReplaceAllString(text, by)
}

// SubexpNames is [regexp.Regexp.SubexpNames].
func (r *Regexp) SubexpNames() []string { return r.compiled().SubexpNames() }
