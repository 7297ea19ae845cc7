package fleetsetup

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"usher.internal/internal/atomicfile"
)

// writer writes files in a folder, and remembers them.
type writer struct {
	folder folder
	// renews makes the writer replace existing files, each atomically. Otherwise it refuses an existing file, because
	// it can be somebody's.
	renews bool
	made   []Made
	err    error
}

// server makes the certificate of a server.
func (w *writer) server(host string, authority *authority, valid time.Duration, purpose string) error {
	certificate, key, err := authority.server(host, valid)
	if err != nil {
		return err
	}
	folder := filepath.Join(serversFolder, host)
	w.private(filepath.Join(folder, "server-key.pem"), key, "")
	w.public(filepath.Join(folder, "server.pem"), certificate, purpose)
	return w.err
}

// people makes the credentials of admins, and of the provisioner of the streams.
func (w *writer) people(admin, provision signer, valid time.Duration, purpose string) error {
	for _, one := range []struct {
		name, file string
		signer     signer
	}{
		{AdminName, filepath.Join(adminFolder, adminCredentials), admin},
		{ProvisionName, filepath.Join(provisionFolder, provisionCredentials), provision},
	} {
		content, _, err := one.signer.credentials(one.name, valid)
		if err != nil {
			return err
		}
		w.private(one.file, content, purpose)
	}
	return w.err
}

func (w *writer) public(name string, content []byte, purpose string) {
	w.write(name, content, 0o644, purpose)
}
func (w *writer) private(name string, content []byte, purpose string) {
	w.write(name, content, 0o600, purpose)
}

func (w *writer) write(name string, content []byte, mode fs.FileMode, purpose string) {
	if w.err != nil {
		return
	}
	if w.err = w.folder.MkdirAll(filepath.Dir(name), 0o700); w.err != nil {
		return
	}
	// A second set of credentials would overwrite the first one.
	file := atomicfile.File{Mode: mode, Keep: !w.renews}
	w.err = file.Write(w.folder, name, atomicfile.Content(content))
	w.made = append(w.made, Made{w.folder.at(name), purpose})
}

func (w *writer) undo() (err error) {
	for _, folder := range []string{keysFolder, adminFolder, macFolder, serversFolder} {
		err = errors.Join(err, w.folder.RemoveAll(folder))
	}
	return err
}
