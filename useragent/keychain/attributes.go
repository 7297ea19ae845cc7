package keychain

// How the items of a login keychain stand in the Secret Service, which knows attributes only by name, as text: these
// are their names. The simulated Company Portal writes by them what this package reads.
const (
	// AttributeClass is one of the classes below.
	AttributeClass = "class"
	// AttributeAccount and AttributeService are those of a generic password.
	AttributeAccount = "account"
	AttributeService = "service"
	// AttributeApplicationTag is a key's, in hexadecimal, since the real ones end with a NUL and D-Bus carries none.
	AttributeApplicationTag = "application_tag"
	// AttributeApplicationLabel is a key's: the SHA-1 of its public half, in hexadecimal.
	AttributeApplicationLabel = "application_label"
)

// The classes of items, by the names that macOS has for them.
const (
	ClassGenericPassword = "genp"
	// ClassCertificate is a certificate. Its DER is the item's secret, there being no other place for bytes.
	ClassCertificate = "cert"
	ClassKey         = "keys"
)
