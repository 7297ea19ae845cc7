package jamfpro

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
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

// ReadClientSecret reads the secret from the file at path, without the white space around it. The file must be a regular
// one that belongs to root or to our own user and that nobody else can read (mode 0600 or 0400). Errors wrap
// [ErrSecretFile] and hold the path, never the content.
func ReadClientSecret(path string) (ClientSecret, error) {
	refuse := func(reason string, arguments ...any) (ClientSecret, error) {
		return ClientSecret{}, fmt.Errorf("%w: %s: %w", ErrSecretFile, path, fmt.Errorf(reason, arguments...))
	}
	// Without O_NONBLOCK a named pipe at that path would hold the helper for ever.
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return refuse("%w", pathless(err))
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return refuse("%w", pathless(err))
	}
	if !info.Mode().IsRegular() {
		return refuse("it is not a regular file")
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if owner != 0 && int(owner) != os.Geteuid() {
		return refuse("it belongs to uid %d; make it root's: chown root '%s'", owner, path)
	}
	if mode := info.Mode().Perm(); mode&^0o600 != 0 {
		return refuse("its mode is %04o, so others than its owner may use it; run: chmod 600 '%s'", mode, path)
	}
	content, err := io.ReadAll(io.LimitReader(file, maximumSecretSize+1))
	if err != nil {
		return refuse("%w", pathless(err))
	}
	content = bytes.TrimSpace(content)
	switch {
	case len(content) == 0:
		return refuse("it is empty")
	case len(content) > maximumSecretSize:
		return refuse("it is larger than %d bytes", maximumSecretSize)
	}
	return ClientSecret{sealed: seal(string(content)), file: info}, nil
}

// pathless takes the path off an error that would otherwise name it twice.
func pathless(err error) error {
	if pathError, ok := err.(*os.PathError); ok {
		return pathError.Err
	}
	return err
}
