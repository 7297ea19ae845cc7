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

// sealed holds a text that must not be seen. It keeps it in a function, since package fmt prints the strings inside
// unexported fields without asking their String methods, but of a function only the address.
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

// GoString implements [fmt.GoStringer].
func (s sealed) GoString() string { return redacted }

// LogValue implements [slog.LogValuer].
func (s sealed) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler].
func (s sealed) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// ClientSecret is the secret of an API client. However it is printed, logged or marshalled, it is redacted; only this
// package can read it.
type ClientSecret struct {
	sealed
	// file is where it was read from, as it was then.
	file os.FileInfo
}

// ReadClientSecret reads the secret from the file at path, without the white space around it. The file must be a
// regular one that belongs to root or to our own user and that nobody else can read (mode 0600 or 0400). Errors wrap
// [ErrSecretFile] and hold the path, never the content.
func ReadClientSecret(path string) (ClientSecret, error) {
	content, info, err := privatefile.Read(path, maximumSecretSize)
	if err != nil {
		return ClientSecret{}, fmt.Errorf("%w: %s: %w", ErrSecretFile, path, err)
	}
	return ClientSecret{sealed: seal(string(content)), file: info}, nil
}
