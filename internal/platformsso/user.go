package platformsso

import (
	"encoding/json"
	"errors"
	"strings"

	"usher.internal/internal/wpj"
)

// entraRealm is the Kerberos realm of Entra [MS-KRB]. Every other realm is taken for one of the organisation's own Active
// Directory, whose names are not Entra's; whether sovereign clouds have another realm is not known.
const entraRealm = "KERBEROS.MICROSOFTONLINE.COM"

// kerberosEntry is one of kerberosStatus.
type kerberosEntry struct {
	Realm string `json:"realm"`
	UPN   string `json:"upn"`
}

func (u *User) parse(content json.RawMessage) error {
	var read struct {
		State                  json.RawMessage `json:"state"`
		KerberosStatus         json.RawMessage `json:"kerberosStatus"`
		UserLoginConfiguration json.RawMessage `json:"userLoginConfiguration"`
	}
	if err := json.Unmarshal(content, &read); err != nil {
		return errors.New("a value is of another kind than expected")
	}
	u.State = text(read.State)
	u.UserPrincipalName = nameOf(read.KerberosStatus, read.UserLoginConfiguration)
	return nil
}

// nameOf returns the user's name in Entra, "" where none is said. A value of another kind than expected says none.
func nameOf(kerberos, login json.RawMessage) wpj.UserPrincipalName {
	var entries []kerberosEntry
	if json.Unmarshal(kerberos, &entries) != nil {
		entries = nil
	}
	for _, entry := range entries {
		if name := entry.entraName(); name != "" {
			return name
		}
	}
	var configuration struct {
		LoginUserName string `json:"loginUserName"`
	}
	if json.Unmarshal(login, &configuration) != nil {
		return ""
	}
	return wpj.UserPrincipalName(unescaped(configuration.LoginUserName)).Unmasked()
}

// entraName returns the name of an entry of Entra's realm, as in `jane\@example.com@KERBEROS.MICROSOFTONLINE.COM`; "" for
// every other entry, and for one whose name is of another realm than the entry itself.
func (e kerberosEntry) entraName() wpj.UserPrincipalName {
	if !strings.EqualFold(strings.TrimSpace(e.Realm), entraRealm) {
		return ""
	}
	name := strings.TrimSpace(e.UPN)
	if at := strings.LastIndexByte(name, '@'); at > 0 && name[at-1] != '\\' && strings.EqualFold(name[at+1:], entraRealm) {
		name = name[:at]
	}
	name = unescaped(name)
	if _, domain, found := strings.Cut(name, "@"); !found || strings.EqualFold(domain, entraRealm) {
		return "" // no name of a user
	}
	return wpj.UserPrincipalName(name).Unmasked()
}

func unescaped(name string) string { return strings.ReplaceAll(name, `\@`, "@") }

// text is a JSON string's value, and every other value as it stands there.
func text(value json.RawMessage) string {
	var read string
	if json.Unmarshal(value, &read) == nil {
		return strings.TrimSpace(read)
	}
	return strings.TrimSpace(string(value))
}
