/* Our own declarations, from Apple's documentation, for go-keychain. Nothing here is Apple's header. */
#pragma once
#include <CoreFoundation/CoreFoundation.h>

extern const CFStringRef kSecAttrAccessGroup;
extern const CFStringRef kSecAttrAccessible;
extern const CFStringRef kSecAttrAccessibleAfterFirstUnlock;
extern const CFStringRef kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly;
extern const CFStringRef kSecAttrAccessibleAlways;
extern const CFStringRef kSecAttrAccessibleAlwaysThisDeviceOnly;
extern const CFStringRef kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly;
extern const CFStringRef kSecAttrAccessibleWhenUnlocked;
extern const CFStringRef kSecAttrAccessibleWhenUnlockedThisDeviceOnly;
extern const CFStringRef kSecAttrAccount;
extern const CFStringRef kSecAttrAuthenticationType;
extern const CFStringRef kSecAttrComment;
extern const CFStringRef kSecAttrCreationDate;
extern const CFStringRef kSecAttrDescription;
extern const CFStringRef kSecAttrLabel;
extern const CFStringRef kSecAttrModificationDate;
extern const CFStringRef kSecAttrPath;
extern const CFStringRef kSecAttrPort;
extern const CFStringRef kSecAttrProtocol;
extern const CFStringRef kSecAttrServer;
extern const CFStringRef kSecAttrService;
extern const CFStringRef kSecAttrSynchronizable;
extern const CFStringRef kSecAttrSynchronizableAny;
extern const CFStringRef kSecClass;
extern const CFStringRef kSecClassGenericPassword;
extern const CFStringRef kSecClassInternetPassword;
extern const CFStringRef kSecMatchLimit;
extern const CFStringRef kSecMatchLimitAll;
extern const CFStringRef kSecMatchLimitOne;
extern const CFStringRef kSecReturnAttributes;
extern const CFStringRef kSecReturnData;
extern const CFStringRef kSecReturnRef;
extern const CFStringRef kSecValueData;

enum {
	errSecSuccess = 0,
	errSecUnimplemented = -4,
	errSecParam = -50,
	errSecAllocate = -108,
	errSecUserCanceled = -128,
	errSecNotAvailable = -25291,
	errSecReadOnly = -25292,
	errSecAuthFailed = -25293,
	errSecNoSuchKeychain = -25294,
	errSecInvalidKeychain = -25295,
	errSecDuplicateKeychain = -25296,
	errSecDuplicateItem = -25299,
	errSecItemNotFound = -25300,
	errSecReadOnlyAttr = -25309,
	errSecWrongSecVersion = -25310,
	errSecInvalidItemRef = -25304,
	errSecInvalidSearchRef = -25305,
	errSecDataNotAvailable = -25316,
	errSecDataNotModifiable = -25317,
	errSecInteractionNotAllowed = -25308,
	errSecNoAccessForItem = -25243,
	errSecInvalidOwnerEdit = -25244,
	errSecDecode = -26275,
};

OSStatus SecItemAdd(CFDictionaryRef, CFTypeRef *);
OSStatus SecItemCopyMatching(CFDictionaryRef, CFTypeRef *);
OSStatus SecItemUpdate(CFDictionaryRef, CFDictionaryRef);
OSStatus SecItemDelete(CFDictionaryRef);
