package redact

import "strings"

// class is what the value behind a label is.
type class int

const (
	noLabel class = iota
	// secretLabel: the value is a secret, however short.
	secretLabel
	// keyLabel: the value is a secret if it looks random. Many things are called key, signature or state.
	keyLabel
	// codeLabel: an authorization code of OAuth, or the number of an error.
	codeLabel
	// headerLabel: an Authorization header, cookieLabel: cookies. Their values have several words.
	headerLabel
	cookieLabel
	// digestLabel: a thumbprint in hexadecimal or base64.
	digestLabel
	// personLabel: the name of a person. ownerLabel: the same if it looks like one.
	personLabel
	ownerLabel
	phoneLabel
	// valueLabel: the value of the name that is written before it, as in `name="password" value="…"`.
	valueLabel
)

// labels are by their letters and digits in small letters: client_secret, clientSecret and "Client Secret" are one.
var labels = byLabel(map[class]string{
	secretLabel: `pw pass nkey usernkey pin pincode userpin otp totp psk prt jwt sig puk cvv seed pwd oldpwd invitation invitationid sid creds authtoken passwords secrets code_verifier
		samlresponse samlrequest wresult xamzcredential xamzsignature xgoogsignature xgoogcredential estsauth estsauthpersistent estsauthlight signinstatecookie
		aspxauth primaryrefreshtoken authorizationcode authcode devicecode usercode verificationcode onetimecode mfacode securitycode confirmationcode
		shadowhashdata ntlmhash nthash lmhash requestverificationtoken xxsrftoken`,
	keyLabel:    `auth state session sessionstate loginhint nonce salt challenge assertion ticket blob kid tokens certificate cert cookies codechallenge bytes esctx fpc buid client_info`,
	codeLabel:   `code`,
	headerLabel: `authorization proxyauthorization xauthorization`,
	cookieLabel: `cookie setcookie cookie2 setcookie2`,
	digestLabel: `x5t x5ts256 sha1 sha256 sha512 md5 sha1hash sha256hash hash ski aki subjectkeyidentifier`,
	personLabel: `gecos cn_name nickname`,
	ownerLabel:  `owner manager name holder contact assignee requester author`,
	phoneLabel: `tel mobile cell fax telefon phones businessphones homephones handy mobil rufnummer festnetz durchwahl telefono telefoon telefone movil cellulare
		portable gsm`,
	valueLabel: `value val`,
})

// endings are the ends of labels: currentPassword, X-Vault-Token, userDisplayName.
var endings = byEnding(map[class]string{
	secretLabel: `password passwd passphrase passwort kennwort passcode secret token apikey accesskey accountkey subscriptionkey sharedkey secretkey privatekey
		encryptionkey signingkey sessionkey masterkey recoverykey authkey keydata wrappingkey symmetrickey licensekey clientassertion samltoken
		samlassertion credential credentials sessionid codeverifier mnemonic recoveryphrase passwordhash bearer refreshtokencookie nkeyseed apisecret
		userpassword`,
	keyLabel:    `key signature hmac secrethash`,
	headerLabel: `authorization`,
	cookieLabel: `cookie`,
	digestLabel: `thumbprint fingerprint certificatehash certhash keyhash digest`,
	personLabel: `displayname givenname familyname surname lastname firstname middlename fullname realname legalname ownername formattedname personname
		preferredname accountholder`,
	phoneLabel: `telefonnummer rufnummer mobilnummer handynummer faxnummer telefoonnummer phone phonenumber telephone telephonenumber mobilenumber faxnumber homephone`,
})

// notLabels end like one of them and are something else.
var notLabels = setOf(`payloaddisplayname appdisplayname applicationdisplayname policydisplayname groupdisplayname profiledisplayname resourcedisplayname
	servicedisplayname tenantdisplayname organizationdisplayname accountdisplayname cfbundledisplayname bundledisplayname localizeddisplayname
	hostkey publickey primarykey foreignkey cachekey registrykey plistkey preferencekey userinfokey parameterkey metadatakey correlationidkey
	tokentype authorizationtoken_type hotkey monkey turkey`)

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[string(plainLabel(nil, word))] = true
	}
	return set
}

func byLabel(words map[class]string) map[string]class {
	table := map[string]class{}
	for of, list := range words {
		for word := range setOf(list) {
			table[word] = of
		}
	}
	return table
}

// byEnding sorts by the last two letters.
func byEnding(words map[class]string) map[[2]byte][]ending {
	table := map[[2]byte][]ending{}
	for of, list := range words {
		for word := range setOf(list) {
			last := [2]byte{word[len(word)-2], word[len(word)-1]}
			table[last] = append(table[last], ending{word, of})
		}
	}
	for _, list := range table {
		// The longest ending says most: sharedkey is more than key.
		for i := range list {
			for j := i; j > 0 && len(list[j].word) > len(list[j-1].word); j-- {
				list[j], list[j-1] = list[j-1], list[j]
			}
		}
	}
	return table
}

type ending struct {
	word string
	of   class
}

// plainLabel appends the letters and digits of a label in small letters.
func plainLabel(to []byte, label string) []byte {
	for i := range len(label) {
		switch letter := label[i]; {
		case letter-'A' <= 25:
			to = append(to, letter|0x20)
		case letter-'a' <= 25, letter-'0' <= 9:
			to = append(to, letter)
		}
	}
	return to
}

// classOf returns the class of a label of one or two words.
func classOf(before, word string) class {
	var space [2 * maximumLabel]byte
	both := plainLabel(space[:0], before)
	alone := len(both)
	both = plainLabel(both, word)
	one := both[alone:]
	if len(one) < 2 || asks(word) || notLabels[string(both)] || notLabels[string(one)] {
		return noLabel
	}
	if of := labels[string(both)]; of != noLabel {
		return of
	}
	if prefixOf(word, "x-") > 0 && strings.HasSuffix(string(one), "key") {
		return secretLabel
	}
	of := labels[string(one)]
	for _, ending := range endings[[2]byte(one[len(one)-2:])] {
		if strings.HasSuffix(string(one), ending.word) || alone > 0 && strings.HasSuffix(string(both), ending.word) {
			if of == noLabel || of == ownerLabel || ending.of == secretLabel {
				return ending.of
			}
		}
	}
	return of
}

// asks reports whether a label is one of a question: hasPassword, requires_token.
func asks(label string) bool {
	length := prefixOf(label, "has", "is", "needs", "requires", "require", "allow", "allows", "use", "uses", "show", "supports", "should", "did", "will", "can")
	return length > 0 && len(label) > length && (label[length] == '_' || label[length]-'A' <= 25 && label[length-1]-'a' <= 25)
}

// maximumLabel is how long a label is at most; a longer word is none.
const maximumLabel = 64

// labelBefore finds the label that ends at a separator: its class, where it begins, and its last word.
func labelBefore(text string, end int) (of class, begin int, word string) {
	at := end
	for at > 0 && end-at < 8 && (text[at-1] == ' ' || text[at-1] == '\t') {
		at--
	}
	for stop := at - 24; at > 0 && at > stop; { // the quote behind it
		switch {
		case strings.IndexByte("\"'`)\\", text[at-1]) >= 0:
			at--
			continue
		case text[at-1] == ']' && at > 1 && strings.IndexByte("\"'", text[at-2]) >= 0:
			at--
			continue
		}
		if quote := suffixOf(text[:at], "&quot;", "&#34;", "%22", "%27", `\u0022`, "”", "’"); quote > 0 {
			at -= quote
			continue
		}
		break
	}
	begin = wordBefore(text, at)
	if begin == at || at-begin > maximumLabel {
		return noLabel, 0, ""
	}
	word = text[begin:at]
	// A word that follows an encoded separator or escape: `%26client_secret`, `\nPassword`.
	if begin > 0 && text[begin-1] == '%' && len(word) > 2 && isHex(word[0]) && isHex(word[1]) {
		begin += 2
		word = word[2:]
	} else if begin > 0 && text[begin-1] == '\\' && len(word) > 1 {
		switch {
		case word[0] == 'u' && len(word) > 5 && isHex(word[1]) && isHex(word[2]) && isHex(word[3]) && isHex(word[4]):
			begin += 5
		case strings.IndexByte("nrt", word[0]) >= 0 && classOf("", word) == noLabel:
			begin++
		}
		word = text[begin:at]
	}
	before := ""
	if begin > 1 && (text[begin-1] == ' ' || text[begin-1] == '_') {
		from := wordBefore(text, begin-1)
		if begin-1-from <= maximumLabel {
			before = text[from : begin-1]
		}
	}
	return classOf(before, word), begin, word
}

// wordBefore returns where the word that ends at end begins.
func wordBefore(text string, end int) int {
	at := end
	for at > 0 && end-at <= maximumLabel {
		letter := text[at-1]
		if letter-'0' > 9 && (letter|0x20)-'a' > 25 && letter != '_' && letter != '-' && letter != '.' && letter != '#' && letter != '$' {
			break
		}
		at--
	}
	return at
}

func suffixOf(text string, suffixes ...string) int {
	for _, suffix := range suffixes {
		if strings.HasSuffix(text, suffix) {
			return len(suffix)
		}
	}
	return 0
}

func prefixOf(text string, prefixes ...string) int {
	for _, prefix := range prefixes {
		if len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
			return len(prefix)
		}
	}
	return 0
}

func isHex(letter byte) bool { return letter-'0' <= 9 || (letter|0x20)-'a' <= 5 }
