/* Declarations that the files of the Security framework share: certificates, and codes of errors (SecBase.h). */
#pragma once

#include "corefoundation.h"

enum {
	errSecSuccess = 0,
	errSecUnimplemented = -4,
	errSecParam = -50,
	errSecItemNotFound = -25300,
	errSecInteractionNotAllowed = -25308,
};

/* trust.c: new_certificate takes ownership of the data. The part of a certificate is its DER. */
ref new_certificate(ref der);
/* public_key_hash writes the SHA-1 of a certificate's public key in hexadecimal; it returns false if the data is not a certificate. */
bool public_key_hash(ref der, char hash[41]);
