/*
 * SecCertificate, SecPolicy and SecTrust, as far as Go's crypto/x509 verifies with them (crypto/x509/internal/macos).
 * libcrypto of OpenSSL does the verification; it is opened at the first use. The trusted certificates are those in the
 * PEM file that MACHORUN_ROOTS names, or else those that Linux trusts.
 *
 * Errors are those of https://github.com/apple-oss-distributions/Security/blob/main/trust/trustd/SecPolicyChecks.list.
 * A chain without an end is errSecCreateChainFailed there, and one with an end that is not trusted is errSecNotTrusted;
 * Go knows only the second one. macOS's further requirements for a server's certificate are from
 * https://support.apple.com/HT210176. Revocation, certificate transparency and the trust settings of keychains are not
 * modelled.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "security.h"

enum {
	errSecCertificateExpired = -67818,
	errSecHostNameMismatch = -67602,
	errSecInvalidExtendedKeyUsage = -67609,
	errSecCertificateValidityPeriodTooLong = -67901,
	errSecNotTrusted = -67843,
	errSecCreateChainFailed = -25318,
};

/* OpenSSL's functions, by their manual pages. Its objects are opaque here. */
#define FUNCTIONS(X) \
	X(void *, d2i_X509, (void **, const uint8_t **, long)) \
	X(int, i2d_X509, (const void *, uint8_t **)) \
	X(void, X509_free, (void *)) \
	X(int, X509_pubkey_digest, (const void *, const void *, uint8_t *, unsigned *)) \
	X(const void *, EVP_sha1, (void)) \
	X(void *, X509_get0_pubkey, (const void *)) \
	X(int, X509_verify, (void *, void *)) \
	X(uint32_t, X509_get_extended_key_usage, (void *)) \
	X(const void *, X509_get0_notBefore, (const void *)) \
	X(const void *, X509_get0_notAfter, (const void *)) \
	X(int, X509_cmp_time, (const void *, time_t *)) \
	X(int, ASN1_TIME_diff, (int *, int *, const void *, const void *)) \
	X(void *, X509_get_subject_name, (const void *)) \
	X(int, X509_NAME_get_text_by_NID, (void *, int, char *, int)) \
	X(void *, X509_get_ext_d2i, (const void *, int, int *, int *)) \
	X(void, GENERAL_NAMES_free, (void *)) \
	X(const void *, GENERAL_NAME_get0_value, (const void *, int *)) \
	X(const char *, ASN1_STRING_get0_data, (const void *)) \
	X(int, ASN1_STRING_length, (const void *)) \
	X(void *, X509_STORE_new, (void)) \
	X(void, X509_STORE_free, (void *)) \
	X(int, X509_STORE_load_locations, (void *, const char *, const char *)) \
	X(void *, X509_STORE_CTX_new, (void)) \
	X(void, X509_STORE_CTX_free, (void *)) \
	X(int, X509_STORE_CTX_init, (void *, void *, void *, void *)) \
	X(void *, X509_STORE_CTX_get0_param, (void *)) \
	X(int, X509_STORE_CTX_get_error, (void *)) \
	X(void *, X509_STORE_CTX_get0_chain, (void *)) \
	X(int, X509_VERIFY_PARAM_set_flags, (void *, unsigned long)) \
	X(void, X509_VERIFY_PARAM_set_time, (void *, time_t)) \
	X(void, X509_VERIFY_PARAM_set_hostflags, (void *, unsigned)) \
	X(int, X509_VERIFY_PARAM_set1_host, (void *, const char *, size_t)) \
	X(int, X509_VERIFY_PARAM_set1_ip_asc, (void *, const char *)) \
	X(int, X509_verify_cert, (void *)) \
	X(void *, OPENSSL_sk_new_null, (void)) \
	X(int, OPENSSL_sk_push, (void *, const void *)) \
	X(int, OPENSSL_sk_num, (const void *)) \
	X(void *, OPENSSL_sk_value, (const void *, int)) \
	X(void, OPENSSL_sk_pop_free, (void *, void (*)(void *)))

#define DECLARE(result, name, parameters) static result (*name) parameters;
FUNCTIONS(DECLARE)

static void open_libcrypto(void) {
	void *library = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) die("%s; it is in Debian's package openssl", dlerror());
#define FIND(result, name, parameters) \
	*(void **)&name = dlsym(library, #name); \
	if (name == NULL) die("libcrypto has no " #name);
	FUNCTIONS(FIND)
}

static void need_libcrypto(void) {
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, open_libcrypto);
}

static void *parse(ref der) {
	need_libcrypto();
	const uint8_t *next = (const uint8_t *)der->bytes.start;
	return der->bytes.length > 0 ? d2i_X509(NULL, &next, der->bytes.length) : NULL;
}

bool public_key_hash(ref der, char hash[41]) {
	void *certificate = der != NULL ? parse(der) : NULL;
	uint8_t digest[64];
	unsigned length = 0;
	if (certificate == NULL) return false;
	bool done = X509_pubkey_digest(certificate, EVP_sha1(), digest, &length) == 1;
	for (unsigned i = 0; done && i < 20; i++) sprintf(hash + 2 * i, "%02x", digest[i]);
	X509_free(certificate);
	return done;
}

ref new_certificate(ref der) {
	ref certificate = new_object(KIND_CERTIFICATE);
	certificate->record.parts[0] = der;
	return certificate;
}

static ref darwin_SecCertificateCreateWithData(void *allocator, const void *pointer) {
	(void)allocator;
	ref data = expect(pointer, KIND_DATA, "SecCertificateCreateWithData");
	void *parsed = parse(data);
	if (parsed == NULL) return NULL;
	X509_free(parsed);
	return new_certificate(new_bytes(KIND_DATA, data->bytes.start, data->bytes.length));
}

static ref darwin_SecCertificateCopyData(const void *certificate) {
	return retain(expect(certificate, KIND_CERTIFICATE, "SecCertificateCopyData")->record.parts[0]);
}

/* The part of a policy is the name of the server, NULL for any. */
static ref darwin_SecPolicyCreateSSL(uint8_t server, const void *name) {
	if (!server) unknown("SecPolicyCreateSSL for a client");
	ref policy = new_object(KIND_POLICY);
	if (name != NULL) policy->record.parts[0] = retain(expect(name, KIND_STRING, "SecPolicyCreateSSL"));
	return policy;
}

/* The parts of a trust: the certificates, of which the first one is verified; the policies; the time; and the chain,
   once it is verified. */
enum { CERTIFICATES, POLICIES, DATE, CHAIN };

static ref copy_of(const void *pointer, enum kind kind, const char *function) {
	ref array = expect(pointer, KIND_ARRAY, function), copy = new_array();
	for (long i = 0; i < array->collection.count; i++) append(copy, retain(expect(array->collection.values[i], kind, function)));
	return copy;
}

static int darwin_SecTrustCreateWithCertificates(const void *certificates, const void *policies, ref *out) {
	ref trust = new_object(KIND_TRUST);
	trust->record.parts[CERTIFICATES] = copy_of(certificates, KIND_CERTIFICATE, "SecTrustCreateWithCertificates");
	trust->record.parts[POLICIES] = copy_of(policies, KIND_POLICY, "SecTrustCreateWithCertificates");
	if (trust->record.parts[CERTIFICATES]->collection.count == 0) {
		release(trust);
		return errSecParam;
	}
	*out = trust;
	return errSecSuccess;
}

static int darwin_SecTrustSetVerifyDate(const void *pointer, const void *date) {
	ref trust = expect(pointer, KIND_TRUST, "SecTrustSetVerifyDate"), before = trust->record.parts[DATE];
	trust->record.parts[DATE] = retain(expect(date, KIND_DATE, "SecTrustSetVerifyDate"));
	release(before);
	return errSecSuccess;
}

/* summary_of is macOS's name for a certificate in a sentence: its common name, or else the first name of a server in
   it. */
static void summary_of(void *certificate, char *summary, size_t size) {
	enum { NID_commonName = 13, NID_subject_alt_name = 85, GEN_DNS = 2 };
	if (X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, summary, size) > 0) return;
	snprintf(summary, size, "(null)");
	void *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; names != NULL && i < OPENSSL_sk_num(names); i++) {
		int type;
		const void *value = GENERAL_NAME_get0_value(OPENSSL_sk_value(names, i), &type);
		if (type != GEN_DNS) continue;
		snprintf(summary, size, "%.*s", ASN1_STRING_length(value), ASN1_STRING_get0_data(value));
		break;
	}
	if (names != NULL) GENERAL_NAMES_free(names);
}

/* macOS's requirements for a server's certificate. One that was issued since July 2019 may have at most 825 days, and
   needs the extended key usage. */
static int require(void *certificate) {
	enum { XKU_SSL_SERVER = 0x1, XKU_ANYEKU = 0x100, MOST_DAYS = 825 };
	time_t since = 1561939200;
	uint32_t usage = X509_get_extended_key_usage(certificate); /* UINT32_MAX if there is none */
	if (!(usage & (XKU_SSL_SERVER | XKU_ANYEKU))) return errSecInvalidExtendedKeyUsage;
	if (X509_cmp_time(X509_get0_notBefore(certificate), &since) < 0) return errSecSuccess;
	if (usage == UINT32_MAX) return errSecInvalidExtendedKeyUsage;
	int days = 0, seconds = 0;
	ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(certificate), X509_get0_notAfter(certificate));
	return days > MOST_DAYS ? errSecCertificateValidityPeriodTooLong : errSecSuccess;
}

/* code_of translates X509_V_ERR_...: X509_STORE_CTX_get_error(3). */
static int code_of(int error, void *certificate) {
	enum { NOT_YET_VALID = 9, EXPIRED = 10, SELF_SIGNED = 18, SELF_SIGNED_IN_CHAIN = 19, NO_ISSUER = 2, NO_ISSUER_HERE = 20, ONE_ONLY = 21 };
	enum { HOSTNAME_MISMATCH = 62, ADDRESS_MISMATCH = 64 };
	switch (error) {
	case NOT_YET_VALID:
	case EXPIRED:
		return errSecCertificateExpired;
	case HOSTNAME_MISMATCH:
	case ADDRESS_MISMATCH:
		return errSecHostNameMismatch;
	case SELF_SIGNED: /* by its names; macOS checks the signature */
		return X509_verify(certificate, X509_get0_pubkey(certificate)) == 1 ? errSecNotTrusted : errSecCreateChainFailed;
	case SELF_SIGNED_IN_CHAIN:
		return errSecNotTrusted;
	case NO_ISSUER:
	case NO_ISSUER_HERE:
	case ONE_ONLY:
		return errSecCreateChainFailed;
	}
	return errSecNotTrusted;
}

static const char *sentence_of(int code) {
	switch (code) {
	case errSecCertificateExpired:
		return "is expired";
	case errSecHostNameMismatch:
		return "name does not match input";
	case errSecInvalidExtendedKeyUsage:
		return "is not permitted for this usage";
	case errSecCertificateValidityPeriodTooLong:
		return "is not standards compliant";
	}
	return "is not trusted";
}

static void set_policy(void *parameters, ref name, ref date) {
	enum { PARTIAL_CHAIN = 0x80000, NEVER_COMMON_NAME = 0x20 };
	const double since_1970 = 978307200;
	X509_VERIFY_PARAM_set_flags(parameters, PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_hostflags(parameters, NEVER_COMMON_NAME);
	if (date != NULL) X509_VERIFY_PARAM_set_time(parameters, date->date + since_1970);
	if (name != NULL && X509_VERIFY_PARAM_set1_ip_asc(parameters, name->bytes.start) != 1)
		X509_VERIFY_PARAM_set1_host(parameters, name->bytes.start, name->bytes.length);
}

static ref chain_of(void *verified) {
	ref chain = new_array();
	for (int i = 0; i < OPENSSL_sk_num(verified); i++) {
		uint8_t *der = NULL;
		int length = i2d_X509(OPENSSL_sk_value(verified, i), NULL);
		ref data = new_bytes(KIND_DATA, NULL, 0);
		data->bytes.start = reallocate(data->bytes.start, length + 1);
		data->bytes.length = length;
		der = (uint8_t *)data->bytes.start;
		i2d_X509(OPENSSL_sk_value(verified, i), &der);
		append(chain, new_certificate(data));
	}
	return chain;
}

/* verify returns 0 and sets the chain. Otherwise it returns and describes the reason why the first certificate is not
   trusted. */
static int verify(ref trust, char *description, size_t size) {
	need_libcrypto();
	ref certificates = trust->record.parts[CERTIFICATES], policies = trust->record.parts[POLICIES];
	ref name = policies->collection.count > 0 ? policies->collection.values[0]->record.parts[0] : NULL;
	const char *roots = getenv("MACHORUN_ROOTS");
	void *store = X509_STORE_new(), *context = X509_STORE_CTX_new(), *others = OPENSSL_sk_new_null();
	X509_STORE_load_locations(store, roots != NULL ? roots : "/etc/ssl/certs/ca-certificates.crt", NULL);
	void *leaf = parse(certificates->collection.values[0]->record.parts[0]);
	for (long i = 1; i < certificates->collection.count; i++)
		OPENSSL_sk_push(others, parse(certificates->collection.values[i]->record.parts[0]));

	X509_STORE_CTX_init(context, store, leaf, others);
	set_policy(X509_STORE_CTX_get0_param(context), name, trust->record.parts[DATE]);
	int code = X509_verify_cert(context) == 1 ? errSecSuccess : code_of(X509_STORE_CTX_get_error(context), leaf);
	/* A certificate that is trusted itself has no further requirements. */
	if (code == errSecSuccess && OPENSSL_sk_num(X509_STORE_CTX_get0_chain(context)) > 1) code = require(leaf);
	if (code == errSecSuccess) {
		release(trust->record.parts[CHAIN]);
		trust->record.parts[CHAIN] = chain_of(X509_STORE_CTX_get0_chain(context));
	} else {
		char summary[256];
		summary_of(leaf, summary, sizeof summary);
		snprintf(description, size, "“%s” certificate %s", summary, sentence_of(code));
	}
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	OPENSSL_sk_pop_free(others, X509_free);
	X509_free(leaf);
	return code;
}

static uint8_t darwin_SecTrustEvaluateWithError(const void *pointer, ref *error) {
	char description[512];
	int code = verify(expect(pointer, KIND_TRUST, "SecTrustEvaluateWithError"), description, sizeof description);
	if (error != NULL) *error = code != errSecSuccess ? new_error("NSOSStatusErrorDomain", code, description) : NULL;
	return code == errSecSuccess;
}

static ref darwin_SecTrustCopyCertificateChain(const void *pointer) {
	ref trust = expect(pointer, KIND_TRUST, "SecTrustCopyCertificateChain"), chain = trust->record.parts[CHAIN];
	return retain(chain != NULL ? chain : trust->record.parts[CERTIFICATES]);
}

const struct symbol trust_symbols[] = {
	{"SecCertificateCreateWithData", darwin_SecCertificateCreateWithData},
	{"SecCertificateCopyData", darwin_SecCertificateCopyData},
	{"SecPolicyCreateSSL", darwin_SecPolicyCreateSSL},
	{"SecTrustCreateWithCertificates", darwin_SecTrustCreateWithCertificates},
	{"SecTrustSetVerifyDate", darwin_SecTrustSetVerifyDate},
	{"SecTrustEvaluateWithError", darwin_SecTrustEvaluateWithError},
	{"SecTrustCopyCertificateChain", darwin_SecTrustCopyCertificateChain},
	{NULL, NULL},
};
