package redact

import "strings"

// class is the kind of the value after a label.
type class int

const (
	noLabel class = iota
	// secretLabel: the value is a secret, however short.
	secretLabel
	// keyLabel: the value is a secret if it looks random. Many things have the name key, signature or state.
	keyLabel
	// codeLabel: an authorization code of OAuth, or the number of an error.
	codeLabel
	// otpLabel: a one-time code of digits.
	otpLabel
	// headerLabel: an Authorization header, cookieLabel: cookies. Their values have several words.
	headerLabel
	cookieLabel
	// digestLabel: a thumbprint in hexadecimal or base64.
	digestLabel
	// personLabel: the name of a person. ownerLabel: the same if it looks like one.
	personLabel
	ownerLabel
	phoneLabel
	// accountLabel: the name of an account.
	accountLabel
	// nameLabel: the value is itself a label, valueLabel: its value, as in `name="password" value="…"`.
	nameLabel
	valueLabel
)

// labels have only the letters and digits of a label, in lower case: client_secret, clientSecret and "Client Secret"
// are one label.
var labels = byLabel(map[class]string{
	secretLabel: `pw pass mdp clave depasse nkey usernkey pin pincode userpin otp totp psk prt jwt sig puk cvv
		seed pwd oldpwd invitation invitationid sid creds authtoken passwords secrets code_verifier samlresponse
		samlrequest wresult xamzcredential xamzsignature xgoogsignature xgoogcredential estsauth
		estsauthpersistent estsauthlight signinstatecookie aspxauth primaryrefreshtoken authorizationcode
		authcode devicecode usercode verificationcode onetimecode mfacode securitycode confirmationcode
		shadowhashdata ntlmhash nthash lmhash requestverificationtoken xxsrftoken ksecvaluedata`,
	otpLabel: `tan mtan smscode smstan einmalcode mfa 2fa twofactor 2facode smscode logincode accesscode ` +
		`authenticatorcode authenticationcode otpcode timecode signincode`,
	keyLabel: `auth state session sessionstate loginhint nonce salt challenge assertion ticket blob kid tokens ` +
		`certificate cert cookies codechallenge bytes esctx fpc buid client_info vdata`,
	codeLabel:   `code`,
	headerLabel: `authorization proxyauthorization xauthorization`,
	cookieLabel: `cookie setcookie cookie2 setcookie2`,
	digestLabel: `x5t x5ts256 sha1 sha256 sha512 md5 sha1hash sha256hash hash ski aki subjectkeyidentifier`,
	personLabel: `gecos cn_name nickname kcgsessionlongusernamekey kcgssessionlongusernamekey`,
	ownerLabel: `owner manager name holder contact assignee requester author cn user benutzer anwender ` +
		`employee mitarbeiter`,
	accountLabel: `samaccountname samaccount loginname logonname loginusername shortname accountname useraccount
		username adduser deleteuser unixname mailnickname uid userid recordname msdsprincipalname benutzername
		anmeldename sam_account_name inuser onuser loggedinuser loggedonuser lastloggedinuser consoleuser
		currentuser kcgssessionusernamekey`,
	phoneLabel: `tel mobile cell fax telefon phones businessphones homephones handy mobil rufnummer festnetz
		durchwahl telefono telefoon telefone movil cellulare portable gsm`,
	nameLabel: `k n field fieldname label attribute attr param parameter property prop header variable var option ` +
		`setting keyname`,
	valueLabel: `v value val newvalue oldvalue currentvalue defaultvalue stringvalue rawvalue data text content`,
})

// endings are the last parts of labels: currentPassword, X-Vault-Token, userDisplayName.
var endings = byEnding(map[class]string{
	secretLabel: `password passwd passphrase passwort kennwort passcode passw pass pwd pw secret token passwords
		secrets keymaterial keyblob geheimnis losungswort zugangscode bestatigungscode bestaetigungscode
		sicherheitscode einmalpasswort wachtwoord contrasena motdepasse palavrapasse senha losenord losenordet
		haslo heslo adgangskode salasana jelszo sifre passord parola lozinka geslo token apikey accesskey
		accountkey subscriptionkey sharedkey secretkey privatekey encryptionkey signingkey sessionkey masterkey
		recoverykey authkey keydata wrappingkey symmetrickey licensekey clientassertion samltoken samlassertion
		credential credentials sessionid codeverifier mnemonic recoveryphrase passwordhash bearer
		refreshtokencookie nkeyseed apisecret userpassword`,
	keyLabel:    `key tokens signature hmac secrethash`,
	headerLabel: `authorization`,
	cookieLabel: `cookie`,
	digestLabel: `thumbprint fingerprint certificatehash certhash keyhash digest`,
	personLabel: `displayname givenname familyname surname lastname firstname middlename fullname realname
		legalname ownername formattedname personname preferredname accountholder`,
	noLabel: `bypass compass encompass surpass trespass overpass underpass lastpass keepass onepass`,
	phoneLabel: `telefonnummer rufnummer mobilnummer handynummer faxnummer telefoonnummer phone phonenumber ` +
		`telephone telephonenumber mobilenumber faxnumber homephone`,
})

// notLabels have one of these endings but another meaning.
var notLabels = setOf(
	`payloaddisplayname appdisplayname applicationdisplayname policydisplayname groupdisplayname
		profiledisplayname resourcedisplayname servicedisplayname tenantdisplayname organizationdisplayname
		accountdisplayname cfbundledisplayname bundledisplayname localizeddisplayname hostkey publickey
		primarykey foreignkey cachekey registrykey plistkey preferencekey userinfokey parameterkey metadatakey
		correlationidkey tokentype authorizationtoken_type hotkey monkey turkey`)

// lastWords name secrets as the last word of a label whose words are separated by capitals, hyphens or similar:
// WIFI_PSK, devicePin.
var lastWords = setOf(`pin psk otp totp tan pat cred creds cvv puk`)

// valueWords are words after the name of a secret that do not change its meaning: passwordValue, secret_text.
var valueWords = strings.Fields(`confirmation plaintext cleartext confirm repeat string again value plain text new raw`)

// foreign are the endings of labels in languages without Latin letters. Labels with accents are in the other lists,
// without the accents.
var foreign = []string{"пароль", "парол", "парола", "лозинка", "κωδικος", "κωδικός", "パスワード", "ぱすわーど", "パスコード", "暗証番号",
	"密码", "密碼", "口令", "비밀번호", "암호",
	"סיסמה", "סיסמא", "كلمة المرور", "كلمة السر", "पासवर्ड", "รหัสผ่าน", "гасло", "секрет", "токен", "令牌", "トークン"}

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

// byEnding groups by the last two letters.
func byEnding(words map[class]string) map[[2]byte][]ending {
	table := map[[2]byte][]ending{}
	for of, list := range words {
		for word := range setOf(list) {
			last := [2]byte{word[len(word)-2], word[len(word)-1]}
			table[last] = append(table[last], ending{word, of})
		}
	}
	for _, list := range table {
		// The longest ending is the most specific: sharedkey comes before key.
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

// plainLabel appends the letters and digits of a label in lower case.
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
