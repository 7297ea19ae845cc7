package platformsso

import (
	"encoding/json"
	"strings"
	"unicode"

	"usher.internal/internal/wpj"
)

// entraRealm is the Kerberos realm of Entra [MS-KRB]. Any other realm is treated as that of the organisation's own
// Active Directory, whose names are not Entra's. Whether sovereign clouds have another realm is not known.
const entraRealm = "KERBEROS.MICROSOFTONLINE.COM"

func (u *User) parse(values fields) error {
	u.State = text(values["state"])
	u.UserPrincipalName = nameOf(values["kerberosStatus"], values["userLoginConfiguration"])
	return nil
}

// nameOf returns the user's name in Entra, or "". A value of another kind than expected has no name, and does not
// affect the other values.
func nameOf(kerberos, login json.RawMessage) wpj.UserPrincipalName {
	var entries []json.RawMessage
	if json.Unmarshal(kerberos, &entries) != nil {
		entries = nil
	}
	for _, entry := range entries {
		if name := entraName(entry); name != "" {
			return name
		}
	}
	configuration, err := fieldsOf(login)
	if err != nil {
		return ""
	}
	name, err := configuration.text("loginUserName")
	if err != nil {
		return ""
	}
	return principalName(unescaped(name))
}

// entraName returns the name of an entry of Entra's realm, as in `jane\@example.com@KERBEROS.MICROSOFTONLINE.COM`; ""
// for any other entry, and if the name has another realm than the entry itself.
func entraName(entry json.RawMessage) wpj.UserPrincipalName {
	values, err := fieldsOf(entry)
	if err != nil {
		return ""
	}
	realm, err := values.text("realm")
	if err != nil || !strings.EqualFold(realm, entraRealm) {
		return ""
	}
	name, err := values.text("upn")
	if err != nil {
		return ""
	}
	if at := strings.LastIndexByte(name, '@'); at > 0 && name[at-1] != '\\' &&
		strings.EqualFold(name[at+1:], entraRealm) {
		name = name[:at]
	}
	name = unescaped(name)
	if _, domain, _ := strings.Cut(name, "@"); strings.EqualFold(domain, entraRealm) {
		return "" // not the name of a user
	}
	return principalName(name)
}

// principalName returns a name with the form of a user's name in Entra. It returns "" for a masked name and for any
// other text.
func principalName(name string) wpj.UserPrincipalName {
	local, domain, found := strings.Cut(name, "@")
	if !found || local == "" || domain == "" || strings.Contains(domain, "@") ||
		strings.ContainsFunc(name, func(letter rune) bool {
			return unicode.IsSpace(letter) ||
				!unicode.IsPrint(letter)
		}) {
		return ""
	}
	return wpj.UserPrincipalName(name).Unmasked()
}

func unescaped(name string) string { return strings.ReplaceAll(name, `\@`, "@") }

// text is a JSON string's value, and any other value as written.
func text(value json.RawMessage) string {
	var read string
	if json.Unmarshal(value, &read) == nil {
		return strings.TrimSpace(read)
	}
	return strings.TrimSpace(string(value))
}
