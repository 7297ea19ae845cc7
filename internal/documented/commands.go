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
	// blank separates paragraphs, and newline is inside a paragraph.
	blank   = regexp.MustCompile(`\n[ \t]*\n`)
	newline = regexp.MustCompile(`[ \t]*\n[ \t]*`)
)

// Spans returns the texts between backticks, outside fenced blocks. Pages and the sentences of programs mark a command
// to paste in this way. In a page's table a | has a backslash, which readers do not see.
func Spans(text string) (all []string) {
	for _, paragraph := range blank.Split(fence.ReplaceAllString(text, "\n\n"), -1) {
		for _, found := range span.FindAllStringSubmatch(newline.ReplaceAllString(paragraph, " "), -1) {
			all = append(all, strings.ReplaceAll(found[1], `\|`, "|"))
		}
	}
	return all
}

// Lines returns the command lines in the fenced shell blocks of a page, each without its indentation. It leaves out a
// block that is a whole script (#!), because nobody pastes a script into a shell. It joins lines that end with a
// backslash.
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

// Runs reports whether a text is a command line that runs usherctl with arguments. A sentence about it is not.
func Runs(text string) bool { return runs.MatchString(text) }

var runs = regexp.MustCompile(
	`(?:^|[|&] *)(?:[A-Za-z_]+=\S* +)*(?:sudo (?:-u \S+ )?|ssh \S+ )?(?:\S*/)?usherctl +[^ (]`)

// Placeholder is the form of a word in a command that a person replaces.
var Placeholder = regexp.MustCompile(`^[A-Z]{2,}(?:-[A-Z]+)*$`)

// Fill replaces the placeholders of a command line. A placeholder without a value is an error.
func Fill(line string, values map[string]string) (string, error) {
	words := strings.Split(line, " ")
	for i, word := range words {
		if !Placeholder.MatchString(word) {
			continue
		}
		value, known := values[word]
		if !known {
			return "", fmt.Errorf("no value for the placeholder %s", word)
		}
		words[i] = value
	}
	return strings.Join(words, " "), nil
}

// Calls returns the programs that a command line runs when it is pasted into macOS's zsh. In zsh a # begins no comment,
// and a pattern that matches no file ends the command. An error is anything that a shell would change, and anything
// that only a script needs.
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
				err = errors.New("no file after >")
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

// callOf removes the words before the program: variables, sudo, and ssh with a host.
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
					return nil, errors.New("a single & runs the command in the background")
				}
				operator = "\x00&&"
			}
			words = append(words, operator)
		case letter == '>':
			flush()
			words = append(words, "\x00>")
		case letter == '#' && !inWord:
			return nil, errors.New("zsh treats a comment after a command as arguments")
		case strings.ContainsRune("<*?[](){}$;!`^", letter), letter == '=' && !inWord:
			return nil, fmt.Errorf("%c has a special meaning in a shell", letter)
		case letter > unicode.MaxASCII || unicode.IsControl(letter):
			return nil, fmt.Errorf("nobody types %q", letter)
		default:
			word.WriteRune(letter)
			inWord = true
		}
	}
	flush()
	return words, nil
}
