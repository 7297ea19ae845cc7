package jamfpro

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// filter decides whether an item matches; fields are read through get.
type filter func(get func(field string) string) bool

// parseFilter parses a query in RSQL, as far as Jamf's pages describe it [DEV]. Comparisons use ==, !=, =in= and =out=.
// Values are bare or quoted with ' or ", with \ before any character; * in the values of == and != is any text. Terms
// are joined by ; or "and", by , or "or", and grouped by parentheses. Case matters, because those pages say "exactly
// equal". The ordering operators are refused, since the stand-in has nothing worth ordering by. An empty query matches
// everything.
func parseFilter(query string, fields []string) (filter, error) {
	if strings.TrimSpace(query) == "" {
		return func(func(string) string) bool { return true }, nil
	}
	p := &rsqlParser{rest: query, fields: fields}
	parsed, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if p.skipSpace(); p.rest != "" {
		return nil, fmt.Errorf("unexpected %q", p.rest)
	}
	return parsed, nil
}

type rsqlParser struct {
	rest   string
	fields []string
}

func (p *rsqlParser) skipSpace() { p.rest = strings.TrimLeft(p.rest, " \t") }

// take consumes symbol if it is next.
func (p *rsqlParser) take(symbol string) bool {
	p.skipSpace()
	rest, ok := strings.CutPrefix(p.rest, symbol)
	if ok {
		p.rest = rest
	}
	return ok
}

// takeWord consumes word if it is next and a separate word.
func (p *rsqlParser) takeWord(word string) bool {
	p.skipSpace()
	rest, ok := strings.CutPrefix(p.rest, word)
	if !ok || rest == "" || !strings.ContainsAny(rest[:1], " \t(") {
		return false
	}
	p.rest = rest
	return true
}

func (p *rsqlParser) alternatives() (filter, error) {
	all, err := p.sequence(p.conjunction, ",", "or")
	return func(get func(string) string) bool {
		return slices.ContainsFunc(all, func(one filter) bool { return one(get) })
	}, err
}

func (p *rsqlParser) conjunction() (filter, error) {
	all, err := p.sequence(p.constraint, ";", "and")
	return func(get func(string) string) bool {
		return !slices.ContainsFunc(all, func(one filter) bool { return !one(get) })
	}, err
}

func (p *rsqlParser) sequence(parse func() (filter, error), symbol, word string) ([]filter, error) {
	var all []filter
	for {
		one, err := parse()
		if err != nil {
			return nil, err
		}
		all = append(all, one)
		if !p.take(symbol) && !p.takeWord(word) {
			return all, nil
		}
	}
}

func (p *rsqlParser) constraint() (filter, error) {
	if !p.take("(") {
		return p.comparison()
	}
	inner, err := p.alternatives()
	if err == nil && !p.take(")") {
		err = errors.New("a parenthesis is not closed")
	}
	return inner, err
}

// reserved are the characters that are not allowed in a field's name or a bare value.
const reserved = "\"'();,=!~<> \t"

func (p *rsqlParser) comparison() (filter, error) {
	p.skipSpace()
	end := strings.IndexAny(p.rest, reserved)
	if end <= 0 {
		return nil, fmt.Errorf("a field and an operator are expected at %q", p.rest)
	}
	field := p.rest[:end]
	p.rest = p.rest[end:]
	if !slices.Contains(p.fields, field) {
		return nil, fmt.Errorf("field %q is not allowed in the query", field)
	}
	switch {
	case p.take("=="):
		wanted, err := p.value()
		return func(get func(string) string) bool { return wanted.matches(get(field)) }, err
	case p.take("!="):
		wanted, err := p.value()
		return func(get func(string) string) bool { return !wanted.matches(get(field)) }, err
	case p.take("=in="):
		wanted, err := p.values()
		return func(get func(string) string) bool { return slices.Contains(wanted, get(field)) }, err
	case p.take("=out="):
		wanted, err := p.values()
		return func(get func(string) string) bool { return !slices.Contains(wanted, get(field)) }, err
	}
	return nil, fmt.Errorf("an operator is expected at %q", p.rest)
}

func (p *rsqlParser) values() ([]string, error) {
	if !p.take("(") {
		return nil, errors.New("a list in parentheses is expected")
	}
	var all []string
	for {
		one, err := p.value()
		if err != nil {
			return nil, err
		}
		all = append(all, strings.Join(one, "*"))
		if p.take(")") {
			return all, nil
		}
		if !p.take(",") {
			return nil, errors.New("a list is not closed")
		}
	}
}

// pattern is a value, split at its wildcards.
type pattern []string

func (p pattern) matches(text string) bool {
	if len(p) == 1 {
		return text == p[0]
	}
	first, last := p[0], p[len(p)-1]
	if !strings.HasPrefix(text, first) || len(text) < len(first)+len(last) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, piece := range p[1 : len(p)-1] {
		_, after, found := strings.Cut(text, piece)
		if !found {
			return false
		}
		text = after
	}
	return true
}

func (p *rsqlParser) value() (pattern, error) {
	p.skipSpace()
	if p.rest == "" {
		return nil, errors.New("a value is missing")
	}
	quote := p.rest[0]
	if quote != '"' && quote != '\'' {
		end := strings.IndexAny(p.rest, reserved)
		if end < 0 {
			end = len(p.rest)
		}
		if end == 0 {
			return nil, fmt.Errorf("a value is expected at %q", p.rest)
		}
		bare := p.rest[:end]
		p.rest = p.rest[end:]
		return strings.Split(bare, "*"), nil
	}
	pieces := pattern{""}
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == quote:
			p.rest = p.rest[i+1:]
			return pieces, nil
		case c == '*':
			pieces = append(pieces, "")
			continue
		case c == '\\' && i+1 < len(p.rest):
			i++
		}
		pieces[len(pieces)-1] += p.rest[i : i+1]
	}
	return nil, errors.New("a quoted value is not closed")
}
