// checkdocs reads Markdown as its readers do. It reports sentences that are too long, words that CONTRIBUTING.md
// refuses, and links that lead nowhere. With -go it reads the comments of Go files too.
//
//	checkdocs -dir REPOSITORY [-go] [FILE…]
//
// Without a file it reads every Markdown file that git knows, and with -go every Go file that nobody generated. Files
// are named from the repository.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

func main() {
	dir := flag.String("dir", ".", "the repository")
	comments := flag.Bool("go", false, "read the comments of Go files too")
	flag.Parse()

	problems, err := check(*dir, flag.Args(), *comments)
	if err != nil {
		fmt.Fprintf(os.Stderr, "checkdocs: %v\n", err)
		os.Exit(2)
	}
	for _, problem := range problems {
		fmt.Println(problem)
	}
	if len(problems) > 0 {
		fmt.Printf("%d problems\n", len(problems))
		os.Exit(1)
	}
}

func check(dir string, files []string, comments bool) (problems []string, err error) {
	all := len(files) == 0
	if all {
		if files, err = listed(dir, "*.md"); err != nil {
			return nil, err
		}
		if comments {
			sources, err := listed(dir, "*.go", ":!*.pb.go")
			if err != nil {
				return nil, err
			}
			files = append(files, sources...)
		}
	}
	pages := map[string]page{}
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		var blocks []block
		if strings.HasSuffix(name, ".go") {
			if blocks, err = commentsOf(name, content); err != nil {
				return nil, err
			}
		} else {
			pages[name] = parse(string(content))
			blocks = pages[name].blocks
			if path.Base(name) == "CHANGELOG.md" {
				blocks = unreleased(blocks)
			}
		}
		for _, problem := range proseOf(blocks) {
			problems = append(problems, name+":"+problem)
		}
	}
	problems = append(problems, brokenLinks(dir, pages)...)
	if !all {
		return problems, nil
	}
	mentions, err := brokenMentions(dir)
	return append(problems, mentions...), err
}

// listed returns the files that git knows and those that are new.
func listed(dir string, patterns ...string) ([]string, error) {
	arguments := append([]string{"-C", dir, "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate",
		"--"}, patterns...)
	output, err := exec.Command("git", arguments...).Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	var files []string
	for _, name := range strings.Fields(string(output)) {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil { // a removed file is still listed
			files = append(files, name)
		}
	}
	return files, nil
}
