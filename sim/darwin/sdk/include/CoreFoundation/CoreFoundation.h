/* Our own declarations, from Apple's documentation, for go-keychain. Nothing here is Apple's header. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned char Boolean;
typedef uint8_t UInt8;
typedef int8_t SInt8;
typedef int16_t SInt16;
typedef int32_t SInt32;
typedef int64_t SInt64;
typedef float Float32;
typedef double Float64;
typedef int32_t OSStatus;

typedef const void *CFTypeRef;
typedef unsigned long CFTypeID;
typedef long CFIndex;
typedef const struct __CFAllocator *CFAllocatorRef;
typedef const struct __CFString *CFStringRef;
typedef const struct __CFArray *CFArrayRef;
typedef const struct __CFDictionary *CFDictionaryRef;
typedef const struct __CFData *CFDataRef;
typedef const struct __CFDate *CFDateRef;
typedef const struct __CFNumber *CFNumberRef;
typedef const struct __CFBoolean *CFBooleanRef;
typedef double CFTimeInterval;
typedef CFTimeInterval CFAbsoluteTime;
typedef struct {
	CFIndex location, length;
} CFRange;
typedef uint32_t CFStringEncoding;
typedef CFIndex CFNumberType;
enum { kCFStringEncodingUTF8 = 0x08000100 };
enum {
	kCFNumberSInt8Type = 1,
	kCFNumberSInt16Type,
	kCFNumberSInt32Type,
	kCFNumberSInt64Type,
	kCFNumberFloat32Type,
	kCFNumberFloat64Type,
	kCFNumberCharType,
	kCFNumberShortType,
	kCFNumberIntType,
	kCFNumberLongType,
	kCFNumberLongLongType,
	kCFNumberFloatType,
	kCFNumberDoubleType,
	kCFNumberCFIndexType,
	kCFNumberNSIntegerType,
	kCFNumberCGFloatType,
};
typedef struct {
	CFIndex version;
	void *functions[5];
} CFDictionaryKeyCallBacks;
typedef struct {
	CFIndex version;
	void *functions[4];
} CFDictionaryValueCallBacks, CFArrayCallBacks;

extern const CFDictionaryKeyCallBacks kCFTypeDictionaryKeyCallBacks;
extern const CFDictionaryValueCallBacks kCFTypeDictionaryValueCallBacks;
extern const CFArrayCallBacks kCFTypeArrayCallBacks;
extern const CFAllocatorRef kCFAllocatorDefault;
extern const CFBooleanRef kCFBooleanTrue, kCFBooleanFalse;
extern const CFTimeInterval kCFAbsoluteTimeIntervalSince1970;

void CFRelease(CFTypeRef);
CFTypeID CFGetTypeID(CFTypeRef);
CFStringRef CFCopyTypeIDDescription(CFTypeID);
/* cgo treats a type as one of CoreFoundation's if it has a function for its id. */
CFTypeID CFAllocatorGetTypeID(void);
CFTypeID CFArrayGetTypeID(void);
CFTypeID CFBooleanGetTypeID(void);
CFTypeID CFDataGetTypeID(void);
CFTypeID CFDateGetTypeID(void);
CFTypeID CFDictionaryGetTypeID(void);
CFTypeID CFNumberGetTypeID(void);
CFTypeID CFStringGetTypeID(void);

CFArrayRef CFArrayCreate(CFAllocatorRef, const void **, CFIndex, const CFArrayCallBacks *);
CFIndex CFArrayGetCount(CFArrayRef);
void CFArrayGetValues(CFArrayRef, CFRange, const void **);
Boolean CFBooleanGetValue(CFBooleanRef);
CFDataRef CFDataCreate(CFAllocatorRef, const UInt8 *, CFIndex);
const UInt8 *CFDataGetBytePtr(CFDataRef);
CFIndex CFDataGetLength(CFDataRef);
CFDateRef CFDateCreate(CFAllocatorRef, CFAbsoluteTime);
CFAbsoluteTime CFDateGetAbsoluteTime(CFDateRef);
CFDictionaryRef CFDictionaryCreate(CFAllocatorRef, const void **, const void **, CFIndex, const CFDictionaryKeyCallBacks *,
				   const CFDictionaryValueCallBacks *);
CFIndex CFDictionaryGetCount(CFDictionaryRef);
void CFDictionaryGetKeysAndValues(CFDictionaryRef, const void **, const void **);
CFNumberRef CFNumberCreate(CFAllocatorRef, CFNumberType, const void *);
CFNumberType CFNumberGetType(CFNumberRef);
Boolean CFNumberGetValue(CFNumberRef, CFNumberType, void *);
CFStringRef CFStringCreateWithBytes(CFAllocatorRef, const UInt8 *, CFIndex, CFStringEncoding, Boolean);
CFIndex CFStringGetBytes(CFStringRef, CFRange, CFStringEncoding, UInt8, Boolean, UInt8 *, CFIndex, CFIndex *);
const char *CFStringGetCStringPtr(CFStringRef, CFStringEncoding);
CFIndex CFStringGetLength(CFStringRef);
CFIndex CFStringGetMaximumSizeForEncoding(CFIndex, CFStringEncoding);
