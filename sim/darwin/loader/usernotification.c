/*
 * CFUserNotification, https://developer.apple.com/documentation/corefoundation/cfusernotification, and
 * CFNotificationCenter within one process.
 *
 * MACHORUN_NOTIFICATIONS names a file for the shown notifications: each appends a line of its texts by their keys.
 * Without it notifications cannot be shown, as on a Mac without a session, and none can be created.
 * MACHORUN_NOTIFICATION_ANSWER is the user's action: "default", "alternate", "other" or "cancel". Without it nobody
 * answers, so a notification ends when its time is over, or when the program cancels it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "corefoundation.h"

/* kCFUserNotification...Response, the lowest two bits of the result. */
enum { DEFAULT, ALTERNATE, OTHER, CANCEL, NOBODY };

/* BOOTSTRAP_UNKNOWN_SERVICE of mach: nothing shows notifications in this session. */
enum { UNKNOWN_SERVICE = 1102 };

#define CONSTANTS(X) \
	X(kCFUserNotificationAlertHeaderKey, "AlertHeader") X(kCFUserNotificationAlertMessageKey, "AlertMessage") \
	X(kCFUserNotificationDefaultButtonTitleKey, "DefaultButtonTitle") X(kCFUserNotificationAlternateButtonTitleKey, "AlternateButtonTitle") \
	X(kCFUserNotificationOtherButtonTitleKey, "OtherButtonTitle") X(kCFUserNotificationIconURLKey, "IconURL") \
	X(kCFUserNotificationSoundURLKey, "SoundURL") X(kCFUserNotificationLocalizationURLKey, "LocalizationURL") \
	X(kCFUserNotificationAlertTopMostKey, "AlertTopMost") X(kCFUserNotificationProgressIndicatorValueKey, "ProgressIndicatorValue")

#define DEFINE(name, text) \
	static struct object name##_object = CONSTANT_STRING(text); \
	static ref name = &name##_object;
CONSTANTS(DEFINE)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;

static int answer(void) {
	static const char *const answers[] = {"default", "alternate", "other", "cancel"};
	const char *wanted = getenv("MACHORUN_NOTIFICATION_ANSWER");
	for (int i = 0; wanted != NULL && i < (int)LENGTH(answers); i++)
		if (strcmp(wanted, answers[i]) == 0) return i;
	return NOBODY;
}

/* A text as JSON; other characters remain UTF-8. */
static void put_text(FILE *out, ref text) {
	fputc('"', out);
	for (size_t i = 0; i < text->bytes.length; i++) {
		uint8_t c = text->bytes.start[i];
		if (c == '"' || c == '\\') fprintf(out, "\\%c", c);
		else if (c < ' ') fprintf(out, "\\u%04x", c);
		else fputc(c, out);
	}
	fputc('"', out);
}

/* show appends a line {"flags":0,"timeout":0,"AlertHeader":"..."}. */
static bool show(ref texts, double timeout, unsigned long flags) {
	const char *path = getenv("MACHORUN_NOTIFICATIONS");
	FILE *out = path != NULL ? fopen(path, "ae") : NULL;
	if (out == NULL) return false;
	fprintf(out, "{\"flags\":%lu,\"timeout\":%g", flags, timeout);
	for (long i = 0; i < texts->collection.count; i++) {
		ref key = texts->collection.keys[i], value = texts->collection.values[i];
		if (key->kind != KIND_STRING || value->kind != KIND_STRING) continue;
		fputc(',', out);
		put_text(out, key);
		fputc(':', out);
		put_text(out, value);
	}
	fprintf(out, "}\n");
	return fclose(out) == 0;
}

static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* The parts of a notification are its texts and its end, a CFDate of the monotonic clock. Its number is the answer,
   NOBODY until there is one. */
static ref darwin_CFUserNotificationCreate(void *allocator, double timeout, unsigned long flags, int32_t *error, const void *pointer) {
	(void)allocator;
	ref texts = expect(pointer, KIND_DICTIONARY, "CFUserNotificationCreate");
	bool shown = show(texts, timeout, flags);
	if (error != NULL) *error = shown ? 0 : UNKNOWN_SERVICE;
	if (!shown) return NULL;
	ref notification = new_object(KIND_USER_NOTIFICATION);
	notification->record.parts[0] = retain(texts);
	notification->record.parts[1] = new_date(timeout > 0 ? now() + timeout : 0);
	notification->record.number = answer();
	return notification;
}

/* It returns 0 with the response, and another number if the caller's time ends first. A time of 0 means no limit. */
static int32_t darwin_CFUserNotificationReceiveResponse(const void *pointer, double timeout, unsigned long *response) {
	ref notification = expect(pointer, KIND_USER_NOTIFICATION, "CFUserNotificationReceiveResponse");
	double ends = notification->record.parts[1]->date, callers = timeout > 0 ? now() + timeout : 0;
	double first = ends == 0 || (callers != 0 && callers < ends) ? callers : ends;
	struct timespec until = {(time_t)first, (long)((first - (double)(time_t)first) * 1e9)};
	pthread_mutex_lock(&mutex);
	int status = 0;
	while (notification->record.number == NOBODY && status != ETIMEDOUT)
		status = first == 0 ? pthread_cond_wait(&ended, &mutex) : pthread_cond_clockwait(&ended, &mutex, CLOCK_MONOTONIC, &until);
	if (notification->record.number == NOBODY && ends != 0 && first == ends) notification->record.number = CANCEL;
	long number = notification->record.number;
	pthread_mutex_unlock(&mutex);
	if (number == NOBODY) return -1;
	if (response != NULL) *response = number;
	return 0;
}

static int32_t darwin_CFUserNotificationCancel(const void *pointer) {
	ref notification = expect(pointer, KIND_USER_NOTIFICATION, "CFUserNotificationCancel");
	pthread_mutex_lock(&mutex);
	if (notification->record.number == NOBODY) notification->record.number = CANCEL;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&mutex);
	return 0;
}

static void set_text(ref texts, const char *key, const void *text) {
	if (text != NULL) set(texts, key, retain(expect(text, KIND_STRING, "CFUserNotificationDisplay...")));
}

static int32_t darwin_CFUserNotificationDisplayAlert(double timeout, unsigned long flags, const void *icon, const void *sound, const void *locale,
						     const void *header, const void *message, const void *button, const void *alternate,
						     const void *other, unsigned long *response) {
	(void)icon, (void)sound, (void)locale;
	ref texts = new_dictionary();
	set_text(texts, "AlertHeader", header);
	set_text(texts, "AlertMessage", message);
	set_text(texts, "DefaultButtonTitle", button);
	set_text(texts, "AlternateButtonTitle", alternate);
	set_text(texts, "OtherButtonTitle", other);
	int32_t error;
	ref notification = darwin_CFUserNotificationCreate(NULL, timeout, flags, &error, texts);
	release(texts);
	if (notification == NULL) return error;
	error = darwin_CFUserNotificationReceiveResponse(notification, 0, response);
	release(notification);
	return error;
}

/* A notice is shown, and nobody waits for an answer. */
static int32_t darwin_CFUserNotificationDisplayNotice(double timeout, unsigned long flags, const void *icon, const void *sound, const void *locale,
						      const void *header, const void *message, const void *button) {
	(void)icon, (void)sound, (void)locale;
	ref texts = new_dictionary();
	set_text(texts, "AlertHeader", header);
	set_text(texts, "AlertMessage", message);
	set_text(texts, "DefaultButtonTitle", button);
	bool shown = show(texts, timeout, flags);
	release(texts);
	return shown ? 0 : UNKNOWN_SERVICE;
}

/* Centres: the same one for this process, for all programs and for Darwin's notifications. The posting thread calls the
 * observers, since no run loop is modelled. Posts of other processes are not seen. */
static struct object center_object = {.mark = ALIVE, .kind = KIND_NOTIFICATION_CENTER, .references = CONSTANT};
static ref center(void) { return &center_object; }

typedef void (*callback)(ref center, void *observer, ref name, const void *object, const void *information);
static struct observer {
	const void *observer;
	callback callback;
	ref name; /* NULL for every name */
} observers[64];

static void darwin_CFNotificationCenterAddObserver(const void *pointer, const void *observer, callback called, const void *name, const void *object,
						   long behaviour) {
	(void)object, (void)behaviour;
	expect(pointer, KIND_NOTIFICATION_CENTER, "CFNotificationCenterAddObserver");
	if (name != NULL) retain(expect(name, KIND_STRING, "CFNotificationCenterAddObserver"));
	pthread_mutex_lock(&mutex);
	size_t i = 0;
	while (i < LENGTH(observers) && observers[i].callback != NULL) i++;
	if (i == LENGTH(observers)) misuse("more than %zu observers of notifications", LENGTH(observers));
	observers[i] = (struct observer){observer, called, (ref)name};
	pthread_mutex_unlock(&mutex);
}

static void darwin_CFNotificationCenterRemoveObserver(const void *pointer, const void *observer, const void *name, const void *object) {
	(void)object;
	expect(pointer, KIND_NOTIFICATION_CENTER, "CFNotificationCenterRemoveObserver");
	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < LENGTH(observers); i++) {
		if (observers[i].callback == NULL || observers[i].observer != observer) continue;
		if (name != NULL && !equal(observers[i].name, (ref)name)) continue;
		release(observers[i].name);
		observers[i] = (struct observer){0};
	}
	pthread_mutex_unlock(&mutex);
}

static void darwin_CFNotificationCenterPostNotification(const void *pointer, const void *name, const void *object, const void *information,
							uint8_t at_once) {
	(void)at_once;
	ref posted = expect(name, KIND_STRING, "CFNotificationCenterPostNotification");
	expect(pointer, KIND_NOTIFICATION_CENTER, "CFNotificationCenterPostNotification");
	struct observer copy[LENGTH(observers)];
	pthread_mutex_lock(&mutex);
	memcpy(copy, observers, sizeof copy);
	pthread_mutex_unlock(&mutex);
	for (size_t i = 0; i < LENGTH(copy); i++)
		if (copy[i].callback != NULL && (copy[i].name == NULL || equal(copy[i].name, posted)))
			copy[i].callback(center(), (void *)copy[i].observer, posted, object, information);
}

#define EXPORT(name, text) {#name, &name},

const struct symbol notification_symbols[] = {
	CONSTANTS(EXPORT)
	{"CFUserNotificationCreate", darwin_CFUserNotificationCreate},
	{"CFUserNotificationReceiveResponse", darwin_CFUserNotificationReceiveResponse},
	{"CFUserNotificationCancel", darwin_CFUserNotificationCancel},
	{"CFUserNotificationDisplayAlert", darwin_CFUserNotificationDisplayAlert},
	{"CFUserNotificationDisplayNotice", darwin_CFUserNotificationDisplayNotice},
	{"CFNotificationCenterGetLocalCenter", center},
	{"CFNotificationCenterGetDistributedCenter", center},
	{"CFNotificationCenterGetDarwinNotifyCenter", center},
	{"CFNotificationCenterAddObserver", darwin_CFNotificationCenterAddObserver},
	{"CFNotificationCenterRemoveObserver", darwin_CFNotificationCenterRemoveObserver},
	{"CFNotificationCenterPostNotification", darwin_CFNotificationCenterPostNotification},
	{NULL, NULL},
};
