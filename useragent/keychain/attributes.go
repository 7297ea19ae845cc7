package keychain

// The names of the attributes of a login keychain's items in the Secret Service, which knows attributes only by name,
// as text. The simulated Company Portal writes them, and this package reads them.
const (
	// AttributeClass is one of the classes below.
	AttributeClass = "class"
	// AttributeAccount and AttributeService are the attributes of a generic password.
	AttributeAccount = "account"
	AttributeService = "service"
	// AttributeApplicationTag is an attribute of a key, in hexadecimal: the real tags end with a NUL, and D-Bus cannot
	// carry one.
	AttributeApplicationTag = "application_tag"
	// AttributeApplicationLabel is an attribute of a key: the SHA-1 of its public half, in hexadecimal.
	AttributeApplicationLabel = "application_label"
)

// The classes of items, by the names that macOS has for them.
const (
	ClassGenericPassword = "genp"
	// ClassCertificate is a certificate. Its DER is the item's secret, because there is no other place for bytes.
	ClassCertificate = "cert"
	ClassKey         = "keys"
)
