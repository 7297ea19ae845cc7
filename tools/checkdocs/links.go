package main

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// brokenLinks returns the links of pages to missing files, and to headings that a page does not have. It asks no
// server, so addresses of other sites are not checked.
func brokenLinks(dir string, pages map[string]page) (problems []string) {
	names := make([]string, 0, len(pages))
	for name := range pages {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, l := range pages[name].links {
			if strings.Contains(l.target, ":") {
				continue
			}
			file, anchor, hasAnchor := strings.Cut(l.target, "#")
			to := name
			if file != "" {
				to = path.Join(path.Dir(name), file)
			}
			if _, err := os.Stat(filepath.Join(dir, to)); err != nil {
				problems = append(problems, fmt.Sprintf("%s:%d: no file %s", name, l.line, l.target))
				continue
			}
			if hasAnchor && !anchorsOf(dir, to, pages)[anchor] {
				problems = append(problems, fmt.Sprintf("%s:%d: no heading %s", name, l.line, l.target))
			}
		}
	}
	return problems
}

func anchorsOf(dir, name string, pages map[string]page) map[string]bool {
	if known, ok := pages[name]; ok {
		return known.anchors
	}
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil
	}
	return parse(string(content)).anchors
}

var mention = regexp.MustCompile(`\bdocs/[\w/-]+\.md\b`)

// brokenMentions returns the missing pages that programs, contracts and scripts name. It leaves out the texts of
// earlier versions (testdata) and the changelog.
func brokenMentions(dir string) (problems []string, err error) {
	files, err := listed(dir, ":!*.md", ":!*/testdata/*", ":!tools")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || bytes.IndexByte(content, 0) >= 0 {
			continue // a folder behind a link, or not a text
		}
		for i, line := range bytes.Split(content, []byte("\n")) {
			for _, page := range mention.FindAllString(string(line), -1) {
				if _, err := os.Stat(filepath.Join(dir, page)); err != nil {
					problems = append(problems, fmt.Sprintf("%s:%d: no file %s", name, i+1, page))
				}
			}
		}
	}
	return problems, nil
}
