package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// Revoke has the credentials of devices count no longer that are in the folder of a fleet, and those in files, and returns the servers'
// configurations that say so: a server turns away whom they were for as soon as it has read its own. The devices' files are removed
// then, so that [CredentialsFor] can make others. It can be called again after an error.
func Revoke(directory string, devices, files []string) (made []Made, err error) {
	if err := CheckDevices(devices); err != nil {
		return nil, err
	}
	var gone []string
	for _, device := range devices {
		gone = append(gone, filepath.Join(directory, deviceFolder, device+".creds"))
	}
	operator, err := readSeed(directory, operatorSeed)
	if err != nil {
		return nil, err
	}
	account, err := readAccount(directory)
	if err != nil {
		return nil, err
	}
	for _, file := range slices.Concat(gone, files) {
		user, err := readCredentials(file)
		switch {
		case err != nil:
			return nil, err
		case user.IssuerAccount != account.Subject:
			return nil, fmt.Errorf("%s is of another fleet: it counts for the account %s, and this is %s", file, user.IssuerAccount, account.Subject)
		}
		account.Revoke(user.Subject)
	}
	token, err := account.Encode(operator)
	if err != nil {
		return nil, fmt.Errorf("sign the account: %w", err)
	}
	configurations, err := filepath.Glob(filepath.Join(directory, serversFolder, "*", configurationFile))
	if err != nil {
		return nil, err
	}
	w := &writer{root: directory, renews: true}
	w.private(filepath.Join(keysFolder, accountJWT), []byte(token), "")
	for _, path := range configurations {
		server := filepath.Base(filepath.Dir(path))
		content, err := withAccount(path, account.Subject, token)
		if err != nil {
			return w.made, err
		}
		w.private(filepath.Join(serversFolder, server, configurationFile), content, "copy it to "+server+", and run `nats-server --signal reload` there")
	}
	err = w.err
	for _, path := range gone {
		if err == nil {
			err = os.Remove(path)
		}
	}
	return w.made, err
}

// withAccount is a server's configuration with another token of the account in it; what else somebody wrote there stays.
func withAccount(path, account, token string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	entry := regexp.MustCompile(`(?m)^(\s*` + regexp.QuoteMeta(account) + `\s*:\s*)"[^"]*"`)
	if !entry.Match(content) {
		return nil, fmt.Errorf("%s has no account %s in its resolver_preload: put that of %s there", path, account, filepath.Join(keysFolder, accountJWT))
	}
	return entry.ReplaceAll(content, []byte(`${1}"`+token+`"`)), nil
}

// readCredentials reads whom a credentials file is for.
func readCredentials(path string) (*jwt.UserClaims, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("which key is revoked is in its file of credentials: %w", err)
	} else if err != nil {
		return nil, err
	}
	token, err := jwt.ParseDecoratedJWT(content)
	if err != nil {
		return nil, fmt.Errorf("%s is no credentials file: %w", path, err)
	}
	claims, err := jwt.DecodeUserClaims(token)
	if err != nil {
		return nil, fmt.Errorf("%s is no credentials file: %w", path, err)
	}
	return claims, nil
}

func readSeed(directory, name string) (nkeys.KeyPair, error) {
	path := filepath.Join(directory, keysFolder, name)
	seed, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a seed of the fleet: %w", err)
	}
	pair, err := nkeys.FromSeed([]byte(strings.TrimSpace(string(seed))))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return pair, nil
}

func readAccount(directory string) (*jwt.AccountClaims, error) {
	path := filepath.Join(directory, keysFolder, accountJWT)
	token, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the account: %w", err)
	}
	claims, err := jwt.DecodeAccountClaims(strings.TrimSpace(string(token)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return claims, nil
}
