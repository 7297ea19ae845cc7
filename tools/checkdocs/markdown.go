package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
)

// block is the text around whole sentences: a paragraph, an item of a list, a heading or a cell of a table.
type block struct {
	line    int
	heading int // the level of a heading; 0 for other text
	text    string
}

// link is the target of a link, as written.
type link struct {
	line   int
	target string
}

type page struct {
	blocks  []block
	links   []link
	anchors map[string]bool
}

var (
	headingLine = regexp.MustCompile(`^(#{1,6}) +(.*?) *#*$`)
	itemLine    = regexp.MustCompile(`^\s*(?:[-*+]|\d+[.)])\s+`)
	ruleLine    = regexp.MustCompile(`^\s*\|?[\s:|-]+\|?\s*$`)
	cellEnd     = regexp.MustCompile(`(?:^|[^\\])\|`)
	comment     = regexp.MustCompile(`(?s)<!--.*?-->`)
	codeSpan    = regexp.MustCompile("`[^`]+`")
	linkText    = regexp.MustCompile(`!?\[([^\]]*)\]\(([^()\s]+)\)`)
	tag         = regexp.MustCompile(`</?[a-z][^>]*>`)
	source      = regexp.MustCompile(`(?:src|srcset|href)="([^"]+)"`)
)

// parse reads the Markdown that this repository uses. Code blocks and comments hold no prose.
func parse(text string) page {
	parsed := page{anchors: map[string]bool{}}
	text = comment.ReplaceAllStringFunc(text, func(found string) string {
		return strings.Repeat("\n", strings.Count(found, "\n"))
	})
	var open *block
	end := func() {
		if open != nil {
			parsed.add(*open)
			open = nil
		}
	}
	fence := ""
	for i, line := range strings.Split(text, "\n") {
		number, trimmed := i+1, strings.TrimSpace(line)
		switch {
		case fence != "":
			if strings.HasPrefix(trimmed, fence) {
				fence = ""
			}
		case strings.HasPrefix(trimmed, "```"):
			end()
			fence = "```"
		case trimmed == "":
			end()
		case headingLine.MatchString(line):
			end()
			found := headingLine.FindStringSubmatch(line)
			parsed.add(block{line: number, heading: len(found[1]), text: found[2]})
		case strings.HasPrefix(trimmed, "|"):
			end()
			if !ruleLine.MatchString(line) {
				for _, cell := range cells(trimmed) {
					for text := range strings.SplitSeq(cell, "<br>") {
						parsed.add(block{line: number, text: text})
					}
				}
			}
		case itemLine.MatchString(line):
			end()
			open = &block{line: number, text: itemLine.ReplaceAllString(line, "")}
		case open != nil:
			open.text += "\n" + trimmed
		default:
			open = &block{line: number, text: trimmed}
		}
	}
	end()
	return parsed
}

func (p *page) add(b block) {
	if b.heading > 0 {
		anchor := anchorOf(b.text)
		for n := 1; p.anchors[anchor]; n++ {
			anchor = fmt.Sprintf("%s-%d", anchorOf(b.text), n)
		}
		p.anchors[anchor] = true
	}
	prose := codeSpan.ReplaceAllString(b.text, "")
	for _, expression := range []*regexp.Regexp{linkText, source} {
		for _, found := range expression.FindAllStringSubmatch(prose, -1) {
			p.links = append(p.links, link{line: b.line, target: found[len(found)-1]})
		}
	}
	p.blocks = append(p.blocks, b)
}

// cells returns the cells of a row. A | with a backslash is part of its cell.
func cells(row string) (all []string) {
	row = strings.TrimSuffix(strings.TrimPrefix(row, "|"), "|")
	for {
		found := cellEnd.FindStringIndex(row)
		if found == nil {
			return append(all, strings.TrimSpace(row))
		}
		all = append(all, strings.TrimSpace(row[:found[1]-1]))
		row = row[found[1]:]
	}
}

var notInAnchors = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// anchorOf returns GitHub's anchor for a heading.
func anchorOf(heading string) string {
	heading = linkText.ReplaceAllString(heading, "$1")
	return strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// unreleased returns the text of a changelog up to the first release: the text of a release never changes.
func unreleased(blocks []block) []block {
	sections := 0
	for i, b := range blocks {
		if b.heading == 2 {
			if sections++; sections == 2 {
				return blocks[:i]
			}
		}
	}
	return blocks
}

var directive = regexp.MustCompile(`^//[a-z]+:`)

// commentsOf returns the paragraphs of a Go file's comments. Indented lines are code.
func commentsOf(name string, content []byte) ([]block, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	if ast.IsGenerated(parsed) {
		return nil, nil
	}
	var blocks []block
	for _, group := range parsed.Comments {
		var text strings.Builder
		for _, line := range group.List {
			switch {
			case directive.MatchString(line.Text), strings.HasPrefix(line.Text, "//\t"):
				text.WriteString("\n")
			case strings.HasPrefix(line.Text, "// "):
				text.WriteString(strings.TrimPrefix(line.Text, "// ") + "\n")
			case strings.HasPrefix(line.Text, "/*"):
				text.WriteString(strings.TrimSuffix(strings.TrimPrefix(line.Text, "/*"), "*/") + "\n")
			default:
				text.WriteString("\n")
			}
		}
		first := files.Position(group.Pos()).Line
		for _, b := range parse(text.String()).blocks {
			b.line += first - 1
			blocks = append(blocks, b)
		}
	}
	return blocks, nil
}
