package files

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// LineError says what is wrong with a line of a file.
type LineError struct {
	path string
	line int
	err  error
}

// Error names the file and the line, as compilers do.
func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.path, e.line, e.err) }

// Unwrap returns the problem.
func (e *LineError) Unwrap() error { return e.err }

// ReadList reads names, one a line. check must accept each of them. A # at the beginning of a line or after white space
// begins a remark. A byte order mark and the line ends of Windows are ignored. A problem with a line is a [*LineError].
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

// withoutRemark removes the remark from a line.
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
