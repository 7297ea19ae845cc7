package jamfpro

import (
	"fmt"
	"log/slog"
	"os"

	"usher.internal/internal/privatefile"
)

const (
	redacted          = "[redacted]"
	maximumSecretSize = 4 << 10
)

// sealed holds a text that must not be seen. It keeps the text in a function: package fmt prints the strings inside
// unexported fields without asking their String methods, but prints only the address of a function.
type sealed struct{ reveal func() string }

func seal(text string) sealed { return sealed{reveal: func() string { return text }} }

// open returns the text itself, or "" for the zero value.
func (s sealed) open() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// String, GoString, LogValue and MarshalText never return the text.
func (s sealed) String() string { return redacted }

func (s sealed) GoString() string { return redacted }

func (s sealed) LogValue() slog.Value { return slog.StringValue(redacted) }

func (s sealed) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// ClientSecret is the secret of an API client. It is redacted when it is printed, logged or marshalled. Only this
// package can read it.
type ClientSecret struct {
	sealed
	// file is the file that it was read from, at that time.
	file os.FileInfo
}

// ReadClientSecret reads the secret from the file at path, without the white space around it. The file must be a
// regular file that belongs to root or to our own user. Nobody else may be able to read it (mode 0600 or 0400). Errors
// wrap [ErrSecretFile]; they contain the path, never the content.
func ReadClientSecret(path string) (ClientSecret, error) {
	content, info, err := privatefile.Read(path, maximumSecretSize)
	if err != nil {
		return ClientSecret{}, fmt.Errorf("%w: %s: %w", ErrSecretFile, path, err)
	}
	return ClientSecret{sealed: seal(string(content)), file: info}, nil
}
