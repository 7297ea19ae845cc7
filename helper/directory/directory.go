// Package directory reads what the directory of this Mac says about a user's Platform SSO. It reads the values of
// AltSecurityIdentities in the user's record, where macOS writes `PlatformSSO:jane@example.com` when it binds an
// account [PSSO-P5].
//
// It is the only source that names the user unmasked and can be read without a session. It does not prove a
// registration: whether the value disappears with one is not known, and another provider's Platform SSO writes it too.
// Nobody has run this on a Mac.
package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher.internal/internal/accounts"
	"usher.internal/internal/command"
	"usher.internal/internal/oneline"
	"usher.internal/internal/propertylist"
	"usher.internal/internal/wpj"
)

const (
	attribute = "dsAttrTypeStandard:AltSecurityIdentities"
	// prefix is that of Platform SSO's values; others are of Kerberos and of certificates.
	prefix = "PlatformSSO:"
	// noSuchKey is the output of dscl for a record without the attribute.
	noSuchKey = "No such key"
	// maximumName is longer than any name in Entra.
	maximumName = 1024
)

// errNotRead is wrapped if the output of dscl has an unknown form.
var errNotRead = errors.New("not the output of dscl")

// Look asks dscl for the record of the account with that short name. It never fails: evidence also says that the look
// failed. It returns within the command's deadline.
func Look(ctx context.Context, dscl command.Command, account string) wpj.Evidence {
	evidence, err := look(ctx, dscl, account)
	if err != nil {
		evidence = wpj.Evidence{Finding: wpj.CouldNotLook, Obstacle: obstacleOf(err), Detail: err.Error()}
	}
	evidence.Source, evidence.ObservedAt = wpj.SourceDirectory, time.Now().UTC()
	return evidence
}

// LookAt is [Look] for the person with that uid.
func LookAt(ctx context.Context, dscl command.Command, uid uint32) wpj.Evidence {
	person, err := accounts.ByUID(uid)
	if err != nil {
		return wpj.Evidence{Source: wpj.SourceDirectory, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleFailed,
			Detail: err.Error(), ObservedAt: time.Now()}
	}
	return Look(ctx, dscl, person.Name)
}

func obstacleOf(err error) wpj.Obstacle {
	switch {
	case errors.Is(err, command.ErrMissing):
		return wpj.ObstacleUnsupported
	case errors.Is(err, command.ErrTooSlow), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return wpj.ObstacleUnavailable
	}
	return wpj.ObstacleFailed
}

func look(ctx context.Context, dscl command.Command, account string) (wpj.Evidence, error) {
	// It becomes part of a path in the directory.
	if account == "" || strings.ContainsAny(account, "/\x00") {
		return wpj.Evidence{}, fmt.Errorf("look up %q in the directory: not the name of an account", account)
	}
	output, err := dscl.With("-plist", ".", "-read", "/Users/"+account, attribute).Run(ctx)
	if err != nil {
		return wpj.Evidence{}, err
	}
	names, err := parse(output)
	if err != nil {
		return wpj.Evidence{}, fmt.Errorf("read AltSecurityIdentities: %w", err)
	}
	switch len(names) {
	case 0:
		return wpj.Evidence{Finding: wpj.NotThere, Detail: "The user's record has no identity of Platform SSO."}, nil
	case 1:
		return wpj.Evidence{Finding: wpj.Found, UserPrincipalName: names[0],
			Detail: "The user's record has an identity of Platform SSO."}, nil
	}
	// The output does not say which of them is the user's present one.
	return wpj.Evidence{Finding: wpj.Found,
		Detail: fmt.Sprintf("The user's record has %d different identities of Platform SSO.", len(names))}, nil
}

// parse returns the different names of Platform SSO in the output of dscl: a property list, or its text form.
func parse(output command.Output) ([]wpj.UserPrincipalName, error) {
	said := bytes.TrimSpace(output.Stdout)
	switch {
	case bytes.HasPrefix(said, []byte(noSuchKey)) || bytes.HasPrefix(bytes.TrimSpace(output.Stderr), []byte(noSuchKey)):
		return nil, nil
	case output.ExitCode != 0:
		first, _, _ := strings.Cut(string(bytes.TrimSpace(slices.Concat(output.Stderr, said))), "\n")
		return nil, fmt.Errorf("%w: it ended with %d: %s", errNotRead, output.ExitCode, oneline.Of(first, 200))
	}
	values, err := valuesIn(said)
	if err != nil {
		return nil, err
	}
	var names []wpj.UserPrincipalName
	for _, value := range values {
		name, ours := strings.CutPrefix(strings.TrimSpace(value), prefix)
		name = strings.ReplaceAll(strings.TrimSpace(name), `\@`, "@")
		if !ours || strings.Count(name, "@") != 1 || len(name) > maximumName || oneline.Of(name, maximumName) != name {
			continue
		}
		if !slices.ContainsFunc(names,
			func(known wpj.UserPrincipalName) bool { return strings.EqualFold(string(known), name) }) {
			names = append(names, wpj.UserPrincipalName(name))
		}
	}
	return names, nil
}

func valuesIn(said []byte) ([]string, error) {
	if len(said) == 0 {
		return nil, fmt.Errorf("%w: it printed nothing", errNotRead)
	}
	record, err := propertylist.Parse(said)
	if err != nil {
		record, err = propertylist.ParseText(string(said))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotRead, err)
	}
	for _, key := range []string{attribute, strings.TrimPrefix(attribute, "dsAttrTypeStandard:")} {
		switch value := record[key].(type) {
		case string:
			return []string{value}, nil
		case []any:
			var values []string
			for _, one := range value {
				if text, ok := one.(string); ok {
					values = append(values, text)
				}
			}
			return values, nil
		}
	}
	return nil, nil
}
