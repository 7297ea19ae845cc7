package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// brokenLinks returns the links of pages to files that are not there, and to headings that a page does not have. It
// asks no server, so addresses of other sites are not checked.
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
