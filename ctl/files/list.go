package files

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// LineError is what is wrong with a line of a file that somebody has written.
type LineError struct {
	path string
	line int
	err  error
}

// Error names the file and the line, as compilers do.
func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.path, e.line, e.err) }

// Unwrap returns what is wrong.
func (e *LineError) Unwrap() error { return e.err }

// ReadList reads names, one a line, each of which check must accept. A # at the beginning of a line or after white
// space begins a remark; a byte order mark and Windows's ends of lines do not count. What is wrong with a line is a
// [*lineError].
func ReadList(path string, check func(name string) error) (names []string, err error) {
	file, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	number := 0
	for lines.Scan() {
		number++
		line := lines.Text()
		if number == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		name := strings.TrimSpace(withoutRemark(line))
		if name == "" {
			continue
		}
		if err := check(name); err != nil {
			return nil, &LineError{path, number, err}
		}
		names = append(names, name)
	}
	err = lines.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		return nil, &LineError{path, number + 1, errors.New("the line is too long for a name")}
	}
	return names, err
}

// withoutRemark cuts a remark off a line.
func withoutRemark(line string) string {
	before := ' '
	for at, letter := range line {
		if letter == '#' && unicode.IsSpace(before) {
			return line[:at]
		}
		before = letter
	}
	return line
}
