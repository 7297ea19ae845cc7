package documented

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Call is one program that a command line runs.
type Call struct {
	// Sudo reports whether sudo runs it, and Afar whether ssh does.
	Sudo, Afar bool
	Program    string
	Arguments  []string
}

var (
	fence = regexp.MustCompile("(?ms)^[ \t]*```([a-z]*)\n(.*?)^[ \t]*```[ \t]*$")
	span  = regexp.MustCompile("`([^`]+)`")
	// blank separates paragraphs, and newline is within one.
	blank   = regexp.MustCompile(`\n[ \t]*\n`)
	newline = regexp.MustCompile(`[ \t]*\n[ \t]*`)
)

// Spans returns what is between backticks in a text, without its fenced blocks: in a page and in a sentence of a
// program the same marks a command that is pasted. In the table of a page a | has a backslash, which nobody sees.
func Spans(text string) (all []string) {
	for _, paragraph := range blank.Split(fence.ReplaceAllString(text, "\n\n"), -1) {
		for _, found := range span.FindAllStringSubmatch(newline.ReplaceAllString(paragraph, " "), -1) {
			all = append(all, strings.ReplaceAll(found[1], `\|`, "|"))
		}
	}
	return all
}

// Lines returns the command lines in the fenced blocks of a page that are for a shell, each without its indentation. A
// block that is a whole script (#!) is none of them, since a script is not pasted into a shell. Lines that end with a
// backslash are one.
func Lines(page string) (all []string) {
	for _, block := range fence.FindAllStringSubmatch(page, -1) {
		if block[1] != "sh" || strings.HasPrefix(block[2], "#!") {
			continue
		}
		for line := range strings.Lines(strings.ReplaceAll(block[2], "\\\n", " ")) {
			if line = strings.TrimSpace(line); line != "" {
				all = append(all, line)
			}
		}
	}
	return all
}

// Runs reports whether a text is a command line that runs usherctl with arguments, and no sentence about it.
func Runs(text string) bool { return runs.MatchString(text) }

var runs = regexp.MustCompile(
	`(?:^|[|&] *)(?:[A-Za-z_]+=\S* +)*(?:sudo (?:-u \S+ )?|ssh \S+ )?(?:\S*/)?usherctl +[^ (]`)

// Placeholder is how a command has a word that a person replaces.
var Placeholder = regexp.MustCompile(`^[A-Z]{2,}(?:-[A-Z]+)*$`)

// Fill replaces the placeholders of a command line. One that values does not have is an error.
func Fill(line string, values map[string]string) (string, error) {
	words := strings.Split(line, " ")
	for i, word := range words {
		if !Placeholder.MatchString(word) {
			continue
		}
		value, known := values[word]
		if !known {
			return "", fmt.Errorf("nobody knows what to put in the place of %s", word)
		}
		words[i] = value
	}
	return strings.Join(words, " "), nil
}

// Calls returns what a command line runs when it is pasted, with macOS's zsh in mind: there a # begins no remark, and a
// pattern that fits no file ends the command. Everything that a shell would make something else of than the text means
// is an error, as is what only a script needs.
func Calls(line string) (calls []Call, err error) {
	words, err := split(line)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", line, err)
	}
	var call []string
	end := func() error {
		one, err := callOf(call)
		calls, call = append(calls, one), nil
		return err
	}
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "\x00|", "\x00&&":
			err = end()
		case "\x00>":
			if i++; i == len(words) || strings.HasPrefix(words[i], "\x00") {
				err = errors.New("no file behind >")
			}
		default:
			call = append(call, words[i])
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
	}
	if err := end(); err != nil {
		return nil, fmt.Errorf("%s: %w", line, err)
	}
	return calls, nil
}

var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)

// callOf takes the words before the program away: variables, sudo, and ssh with a host.
func callOf(words []string) (call Call, err error) {
	for len(words) > 0 {
		switch {
		case assignment.MatchString(words[0]):
			words = words[1:]
			continue
		case words[0] == "sudo" && len(words) > 3 && words[1] == "-u":
			call.Sudo, words = true, words[3:]
			continue
		case words[0] == "sudo":
			call.Sudo, words = true, words[1:]
			continue
		case words[0] == "ssh" && len(words) > 2 && !strings.HasPrefix(words[1], "-"):
			call.Afar, words = true, words[2:]
			continue
		}
		call.Program, call.Arguments = words[0], words[1:]
		return call, nil
	}
	return call, errors.New("no program is named")
}

// split splits a command line into words, as a shell does. Operators begin with a NUL.
func split(line string) (words []string, err error) {
	var word strings.Builder
	inWord := false
	flush := func() {
		if inWord {
			words = append(words, word.String())
			word.Reset()
			inWord = false
		}
	}
	runes := []rune(line)
	until := func(from int, quote rune) (int, error) {
		for i := from; i < len(runes); i++ {
			if runes[i] == quote {
				return i, nil
			}
		}
		return 0, fmt.Errorf("%c is not closed", quote)
	}
	for i := 0; i < len(runes); i++ {
		switch letter := runes[i]; {
		case letter == ' ':
			flush()
		case letter == '\\' && i+1 < len(runes):
			i++
			word.WriteRune(runes[i])
			inWord = true
		case letter == '\'':
			end, err := until(i+1, letter)
			if err != nil {
				return nil, err
			}
			word.WriteString(string(runes[i+1 : end]))
			i, inWord = end, true
		case letter == '"':
			end, err := until(i+1, letter)
			if err != nil {
				return nil, err
			}
			text := string(runes[i+1 : end])
			if strings.ContainsAny(text, "`!") ||
				strings.Contains(text, "$") && !(strings.HasPrefix(text, "$(") && strings.HasSuffix(text, ")")) {
				return nil, fmt.Errorf("a shell replaces something in %q", text)
			}
			word.WriteString(text)
			i, inWord = end, true
		case letter == '|', letter == '&':
			flush()
			operator := "\x00|"
			if letter == '&' {
				if i++; i == len(runes) || runes[i] != '&' {
					return nil, errors.New("a single & leaves the command in the background")
				}
				operator = "\x00&&"
			}
			words = append(words, operator)
		case letter == '>':
			flush()
			words = append(words, "\x00>")
		case letter == '#' && !inWord:
			return nil, errors.New("zsh takes a remark behind a command for arguments")
		case strings.ContainsRune("<*?[](){}$;!`^", letter), letter == '=' && !inWord:
			return nil, fmt.Errorf("a shell makes something else of %c", letter)
		case letter > unicode.MaxASCII || unicode.IsControl(letter):
			return nil, fmt.Errorf("%q is nothing that is typed", letter)
		default:
			word.WriteRune(letter)
			inWord = true
		}
	}
	flush()
	return words, nil
}
