/*
 * SecItemCopyMatching over the keychain of sim/filekeychain, in the directory that MACHORUN_KEYCHAIN names, or else
 * ~/.local/share/usher-sim/keychain, which the other stand-ins use. The possible queries and their results are from
 * https://github.com/apple-oss-distributions/Security/blob/main/OSX/libsecurity_keychain/lib/SecItem.cpp; the texts of
 * the constants are from keychain/headers and sec/Security/SecItemConstants.c there.
 *
 * SecItemAdd, SecItemUpdate and SecItemDelete are refused as not implemented: usher never writes with them.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "security.h"

#define CONSTANTS(X) \
	X(kSecClass, "class") X(kSecClassGenericPassword, "genp") X(kSecClassInternetPassword, "inet") X(kSecClassCertificate, "cert") \
	X(kSecClassKey, "keys") X(kSecClassIdentity, "idnt") X(kSecMatchLimit, "m_Limit") X(kSecMatchLimitOne, "m_LimitOne") \
	X(kSecMatchLimitAll, "m_LimitAll") X(kSecReturnAttributes, "r_Attributes") X(kSecReturnData, "r_Data") X(kSecReturnRef, "r_Ref") \
	X(kSecValueData, "v_Data") X(kSecValueRef, "v_Ref") X(kSecUseAuthenticationUI, "u_AuthUI") \
	X(kSecUseAuthenticationUIFail, "u_AuthUIF") X(kSecAttrAccount, "acct") X(kSecAttrService, "svce") X(kSecAttrLabel, "labl") \
	X(kSecAttrApplicationTag, "atag") X(kSecAttrApplicationLabel, "klbl") X(kSecAttrCreationDate, "cdat") \
	X(kSecAttrModificationDate, "mdat") X(kSecAttrComment, "icmt") X(kSecAttrDescription, "desc") X(kSecAttrAccessGroup, "agrp") \
	X(kSecAttrServer, "srvr") X(kSecAttrProtocol, "ptcl") X(kSecAttrAuthenticationType, "atyp") X(kSecAttrPort, "port") \
	X(kSecAttrPath, "path") X(kSecAttrSynchronizable, "sync") X(kSecAttrSynchronizableAny, "syna") X(kSecAttrCertificateType, "ctyp") \
	X(kSecAttrAccessible, "pdmn") X(kSecAttrAccessibleWhenUnlocked, "ak") X(kSecAttrAccessibleAfterFirstUnlock, "ck") \
	X(kSecAttrAccessibleAlways, "dk") X(kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly, "akpu") \
	X(kSecAttrAccessibleWhenUnlockedThisDeviceOnly, "aku") X(kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly, "cku") \
	X(kSecAttrAccessibleAlwaysThisDeviceOnly, "dku")

#define DEFINE(name, text) \
	static struct object name##_object = CONSTANT_STRING(text); \
	static ref name = &name##_object;
CONSTANTS(DEFINE)

/* decode reads base64, as Go writes []byte into JSON, into data. */
static ref decode(ref text) {
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	if (text == NULL || text->kind != KIND_STRING) return NULL;
	char *bytes = allocate(text->bytes.length + 1, 1);
	size_t length = 0;
	uint32_t bits = 0;
	int count = 0;
	for (const char *next = text->bytes.start; *next != '\0' && *next != '='; next++) {
		const char *at = strchr(alphabet, *next);
		bits = bits << 6 | (at != NULL ? at - alphabet : 0);
		count += 6;
		if (count >= 8) bytes[length++] = bits >> (count -= 8);
	}
	ref data = new_bytes(KIND_DATA, bytes, length);
	free(bytes);
	return data;
}

/*
 * Text attributes are bytes in a keychain. One that is not UTF-8 comes back as kCFNull: _ConvertOldFormatToNewFormat in
 * SecItem.cpp. In sim/filekeychain such an attribute has "_bytes" after its name.
 */
static void add_text(ref attributes, const char *attribute, ref file, const char *name) {
	ref text = get(file, name);
	if (text != NULL) {
		set(attributes, attribute, retain(text));
		return;
	}
	char name_of_bytes[64];
	snprintf(name_of_bytes, sizeof name_of_bytes, "%s_bytes", name);
	ref bytes = decode(get(file, name_of_bytes));
	if (bytes == NULL) return;
	ref valid = new_string(bytes->bytes.start, bytes->bytes.length);
	set(attributes, attribute, valid != NULL ? valid : &null_object);
	release(bytes);
}

/* attributes_of converts the attributes of an item in sim/filekeychain. The dates are made up; every item of macOS has
   them. */
static ref attributes_of(ref file, ref class) {
	ref attributes = new_dictionary();
	set(attributes, "class", retain(class));
	add_text(attributes, "labl", file, "label");
	if (is_text(class, "genp")) {
		add_text(attributes, "acct", file, "account");
		add_text(attributes, "svce", file, "service");
	}
	if (is_text(class, "keys")) {
		ref tag = decode(get(file, "application_tag"));
		if (tag != NULL) set(attributes, "atag", tag);
	}
	if (is_text(class, "cert")) set(attributes, "ctyp", new_integer(3)); /* CSSM_CERT_X_509v3 */
	set(attributes, "cdat", new_date(7e8));
	set(attributes, "mdat", new_date(7.5e8));
	return attributes;
}

static void directory_of_keychain(char *path, size_t size) {
	const char *directory = getenv("MACHORUN_KEYCHAIN"), *home = getenv("HOME");
	if (directory != NULL) snprintf(path, size, "%s", directory);
	else snprintf(path, size, "%s/.local/share/usher-sim/keychain", home != NULL ? home : "");
}

/* files_of returns the content of the keychain's files as an array of dictionaries. */
static ref files_of(const char *directory) {
	ref files = new_array();
	DIR *entries = opendir(directory);
	for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
		size_t length = strlen(entry->d_name);
		if (length < 5 || strcmp(entry->d_name + length - 5, ".json") != 0) continue;
		char path[8192];
		const char *reason;
		snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
		ref file = read_json(path, &reason);
		if (file != NULL && file->kind == KIND_DICTIONARY) append(files, file);
		else if (access(path, F_OK) == 0) misuse("%s is not an item of sim/filekeychain: %s", path, reason != NULL ? reason : "no object");
	}
	if (entries != NULL) closedir(entries);
	return files;
}

/* A certificate has its private key in the keychain if the label of a key is the hash of the certificate's public key.
   Both together are an identity. */
static bool has_key(ref files, ref der) {
	char hash[41];
	if (!public_key_hash(der, hash)) return false;
	for (long i = 0; i < files->collection.count; i++) {
		ref file = files->collection.values[i];
		if (is_text(get(file, "class"), "keys") && is_text(get(file, "application_label"), hash)) return true;
	}
	return false;
}

/* A query names attributes that an item must have. Their texts are compared as bytes; kCFNull matches nothing. */
static bool matches(ref query, ref attributes) {
	static const char *const compared[] = {"acct", "svce", "labl", "atag"};
	for (size_t i = 0; i < LENGTH(compared); i++) {
		ref wanted = get(query, compared[i]);
		if (wanted != NULL && !equal(wanted, get(attributes, compared[i]))) return false;
	}
	return true;
}

struct wanted {
	bool attributes, data, reference;
};

static ref reference_to(ref class, ref data) {
	if (is_text(class, "genp") || is_text(class, "keys")) return new_object(KIND_KEYCHAIN_ITEM);
	ref certificate = new_certificate(retain(data));
	if (!is_text(class, "idnt")) return certificate;
	ref identity = new_object(KIND_IDENTITY);
	identity->record.parts[0] = certificate;
	return identity;
}

/* result_of takes ownership of the attributes. A single wanted result is returned as it is, several as a dictionary. */
static ref result_of(const struct wanted *wanted, ref class, ref attributes, ref data) {
	if (!wanted->attributes && !(wanted->data && wanted->reference)) {
		release(attributes);
		return wanted->data ? retain(data) : reference_to(class, data);
	}
	if (!wanted->attributes) {
		release(attributes);
		attributes = new_dictionary();
	}
	if (wanted->data && data != NULL) set(attributes, "v_Data", retain(data));
	if (wanted->reference) set(attributes, "v_Ref", reference_to(class, data));
	return attributes;
}

static bool is_wanted(ref query, const char *key) {
	ref value = get(query, key);
	return value != NULL && value->kind == KIND_BOOLEAN && value->boolean;
}

static ref find(ref files, ref query, const struct wanted *wanted, bool all) {
	ref class = get(query, "class"), found = new_array();
	bool identities = is_text(class, "idnt");
	for (long i = 0; i < files->collection.count && (all || found->collection.count == 0); i++) {
		ref file = files->collection.values[i], class_of_file = get(file, "class");
		if (!is_text(class_of_file, identities ? "cert" : class->bytes.start)) continue;
		ref data = decode(get(file, "data")), attributes = attributes_of(file, class_of_file);
		if (matches(query, attributes) && (!identities || has_key(files, data)))
			append(found, result_of(wanted, class, attributes, data));
		else release(attributes);
		release(data);
	}
	return found;
}

static int darwin_SecItemCopyMatching(const void *pointer, ref *result) {
	ref query = expect(pointer, KIND_DICTIONARY, "SecItemCopyMatching"), class = get(query, "class");
	static const char *const classes[] = {"genp", "cert", "idnt", "keys"};
	bool known = false;
	for (size_t i = 0; i < LENGTH(classes); i++) known = known || is_text(class, classes[i]);
	if (!known) {
		if (class != NULL && class->kind == KIND_STRING) unknown("class %s of SecItemCopyMatching", class->bytes.start);
		return errSecParam;
	}
	/* Without this the framework may ask the user for the keychain's password, which usher never wants. */
	if (!is_text(get(query, "u_AuthUI"), "u_AuthUIF")) misuse("the query lets SecItemCopyMatching ask the user");

	bool all = is_text(get(query, "m_Limit"), "m_LimitAll");
	struct wanted wanted = {is_wanted(query, "r_Attributes"), is_wanted(query, "r_Data"), is_wanted(query, "r_Ref")};
	if (result == NULL || !(wanted.attributes || wanted.data || wanted.reference)) return errSecParam;
	/* The data of many passwords would cause as many prompts. */
	if (is_text(class, "genp") && all && wanted.data) return errSecParam;

	char directory[4096], lock[4200];
	directory_of_keychain(directory, sizeof directory);
	snprintf(lock, sizeof lock, "%s/locked", directory);
	if (access(lock, F_OK) == 0) return errSecInteractionNotAllowed;

	ref files = files_of(directory), found = find(files, query, &wanted, all);
	release(files);
	if (found->collection.count == 0) {
		release(found);
		return errSecItemNotFound;
	}
	*result = all ? found : retain(found->collection.values[0]);
	if (!all) release(found);
	return errSecSuccess;
}

static int not_implemented(void) {
	unknown("writing to the keychain");
	return errSecUnimplemented;
}

#define EXPORT(name, text) {#name, &name},

const struct symbol keychain_symbols[] = {
	CONSTANTS(EXPORT)
	{"SecItemCopyMatching", darwin_SecItemCopyMatching},
	{"SecItemAdd", not_implemented},
	{"SecItemUpdate", not_implemented},
	{"SecItemDelete", not_implemented},
	{NULL, NULL},
};
