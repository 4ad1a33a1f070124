#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/clk.h"
#include "base/network.h"

static const char *log_process = "hearthmail";
static _Atomic pid_t log_pid; /* 0: to be asked for */

static void
forget_pid(void)
{
	log_pid = 0;
}

static int
own_pid(void)
{
	if (log_pid == 0)
		log_pid = getpid();
	return (int)log_pid;
}
static _Atomic enum log_level log_max = LOG_INFO;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static bool log_journal;
static _Atomic bool log_json;

/* [systemd.exec(5)] JOURNAL_STREAM=device:inode of what the journal reads; it
 * is not ours if somebody has put another file there since. */
static bool
is_journal(void)
{
	struct sv rest = sv_str(getenv("JOURNAL_STREAM")), dev;
	uint64_t device, inode;
	struct stat st;

	if (rest.p == NULL || fstat(2, &st) != 0)
		return false;
	dev = sv_split(&rest, ':');
	return sv_to_u64(dev, UINT64_MAX, &device) == RC_OK &&
	       sv_to_u64(rest, UINT64_MAX, &inode) == RC_OK &&
	       device == st.st_dev && inode == st.st_ino;
}

void
log_setup(const char *process, enum log_level level)
{
	static bool once;

	log_process = process;
	/* A line need not ask the kernel; a child after fork is another. */
	if (!once)
		(void)pthread_atfork(NULL, NULL, forget_pid);
	once = true;
	log_max = level;
	log_journal = is_journal();
}

bool
log_is_journal(void)
{
	return log_journal;
}

void
log_set_journal(bool on)
{
	log_journal = on;
}

/* What precedes each line. */
static const char *
priority(enum log_level level)
{
	static const char *const priorities[] = {"<3>", "<4>", "<6>", "<7>"};

	return log_journal ? priorities[level] : "";
}

void
log_set_level(enum log_level level)
{
	log_max = level;
}

void
log_set_json(bool on)
{
	log_json = on;
}

/* ---- what the owner should see ---- */

#define RECENT	    8
#define RECENT_TEXT 320

static struct {
	int64_t when;
	enum log_level level;
	char text[RECENT_TEXT];
} recent[RECENT];
static unsigned nrecent;
static pthread_mutex_t recent_lock = PTHREAD_MUTEX_INITIALIZER;

/* Warnings that are part of every mail server's day. */
static bool
is_everyday(const char *event)
{
	static const char *const events[] = {"queue.attempt", "queue.bounce",
	    "smtp.defer", "auth.fail", "dns.bogus", "tls.self-signed"};
	size_t i;

	for (i = 0; i < sizeof events / sizeof events[0]; i++)
		if (strcmp(event, events[i]) == 0)
			return true;
	return false;
}

/* Strangers can cause these as often as they like. */
static bool
is_of_strangers(const char *event)
{
	static const char *const events[] = {"smtp.crowded", "accept.full",
	    "accept.crowded", "starttls.dropped"};
	size_t i;

	for (i = 0; i < sizeof events / sizeof events[0]; i++)
		if (strcmp(event, events[i]) == 0)
			return true;
	return false;
}

/* With the lock held: the place for an event's text. */
static unsigned
place_for(const char *event)
{
	size_t n = strlen(event);
	unsigned i;

	if (is_of_strangers(event))
		for (i = 0; i < nrecent && i < RECENT; i++)
			if (strncmp(recent[i].text, event, n) == 0 &&
			    recent[i].text[n] == ' ')
				return i;
	return nrecent++ % RECENT;
}

static void
remember(enum log_level level, int64_t now, const char *event, const char *rest)
{
	unsigned at;

	if (level > LOG_WARN || is_everyday(event))
		return;
	pthread_mutex_lock(&recent_lock);
	at = place_for(event);
	recent[at].when = now;
	recent[at].level = level;
	(void)snprintf(recent[at].text, RECENT_TEXT, "%s %s", event, rest);
	pthread_mutex_unlock(&recent_lock);
}

void
log_recent(
    void (*fn)(void *arg, enum log_level level, int64_t when, const char *text),
    void *arg)
{
	unsigned i, first;

	pthread_mutex_lock(&recent_lock);
	first = nrecent > RECENT ? nrecent - RECENT : 0;
	for (i = first; i < nrecent; i++)
		fn(arg, recent[i % RECENT].level, recent[i % RECENT].when,
		    recent[i % RECENT].text);
	pthread_mutex_unlock(&recent_lock);
}

/* ---- lines that strangers cause ---- */

#define MINUTE_MS 60000
#define NETWORKS  256

/* Of a network, in a minute; two that share a place drive each other out. */
static struct peer_lines {
	struct network_key key;
	int64_t minute;
	unsigned n, missed;
} peer_lines[NETWORKS];
static struct peer_lines all_lines;
static pthread_mutex_t lines_lock = PTHREAD_MUTEX_INITIALIZER;

static struct peer_lines *
lines_of(const char *peer)
{
	struct network_key key;
	struct peer_lines *p;
	unsigned hash = 5381;
	size_t i;

	network_key(peer, true, &key);
	for (i = 0; i < sizeof key.b; i++)
		hash = hash * 33 + key.b[i];
	p = &peer_lines[hash % NETWORKS];
	if (!network_same(&p->key, &key))
		*p = (struct peer_lines){.key = key};
	return p;
}

static bool
is_within(struct peer_lines *p, int64_t minute, unsigned most)
{
	if (p->minute != minute)
		p->n = 0;
	p->minute = minute;
	return p->n < most;
}

bool
log_peer_may(const char *peer, unsigned *missed)
{
	int64_t minute = clk_mono() / MINUTE_MS + 1;
	struct peer_lines *p;
	bool may;

	pthread_mutex_lock(&lines_lock);
	p = lines_of(peer);
	may = is_within(p, minute, LOG_PEER_LINES) &&
	      is_within(&all_lines, minute, LOG_STRANGER_LINES);
	*missed = may ? p->missed : 0;
	p->missed = may ? 0 : p->missed + 1;
	p->n += may;
	all_lines.n += may;
	pthread_mutex_unlock(&lines_lock);
	return may;
}

/* ---- JSON ---- */

#define LINE_MAX_ATOMIC 4096 /* a longer write to a pipe may be torn */
#define LINE_ROOM	3900 /* for values; what ends them fits behind */

struct out {
	char p[LINE_MAX_ATOMIC];
	size_t n;
};

static void
out_raw(struct out *o, const char *p, size_t n)
{
	if (o->n + n < sizeof o->p) {
		memcpy(o->p + o->n, p, n);
		o->n += n;
	}
}

static void
out_char(struct out *o, unsigned char c)
{
	char t[8];

	if (o->n >= LINE_ROOM)
		return;
	if (c == '"' || c == '\\')
		out_raw(o, (const char[]){'\\', (char)c}, 2);
	else if (ascii_is_print((char)c))
		out_raw(o, (const char *)&c, 1);
	else
		out_raw(o, t, (size_t)snprintf(t, sizeof t, "\\u%04x", c));
}

static int
hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A value with the escapes of log_q() undone. */
static void
out_string(struct out *o, struct sv v)
{
	size_t i;

	out_raw(o, "\"", 1);
	for (i = 0; i < v.n; i++) {
		if (v.p[i] != '\\' || i + 1 == v.n) {
			out_char(o, (unsigned char)v.p[i]);
		} else if (v.p[i + 1] == 'x' && i + 3 < v.n &&
			   hex_value(v.p[i + 2]) >= 0 &&
			   hex_value(v.p[i + 3]) >= 0) {
			out_char(o, (unsigned char)(hex_value(v.p[i + 2]) * 16 +
						    hex_value(v.p[i + 3])));
			i += 3;
		} else {
			out_char(o, (unsigned char)v.p[++i]);
		}
	}
	out_raw(o, "\"", 1);
}

/* The length of a key and its '=' at the front; 0: there is none. */
static size_t
key_length(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n && (ascii_is_lower(s.p[i]) || s.p[i] == '_'); i++)
		;
	return i > 0 && i < s.n && s.p[i] == '=' ? i + 1 : 0;
}

/* A value's end: the quote with nothing or another key behind it, so that
 * quotes inside a sentence stay; without quotes the next blank. */
static size_t
value_length(struct sv s)
{
	size_t i;

	if (s.n == 0 || s.p[0] != '"')
		return sv_chr(s, ' ');
	for (i = 1; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n) {
			i++;
			continue;
		}
		if (s.p[i] == '"' &&
		    (i + 1 == s.n || (s.p[i + 1] == ' ' &&
					 key_length(sv_skip(s, i + 2)) > 0)))
			return i + 1;
	}
	return s.n;
}

static bool
is_number(struct sv v)
{
	size_t i, from = v.n > 0 && v.p[0] == '-';

	for (i = from; i < v.n; i++)
		if (!ascii_is_digit(v.p[i]))
			return false;
	/* More digits than a double holds, and ids that begin with 0, are
	 * text to most readers. */
	return v.n > from && v.n - from <= 15 &&
	       (v.p[from] != '0' || v.n - from == 1);
}

static bool
is_fixed(struct sv key)
{
	return sv_eq(key, SV("time")) || sv_eq(key, SV("level")) ||
	       sv_eq(key, SV("process")) || sv_eq(key, SV("pid")) ||
	       sv_eq(key, SV("event"));
}

static void
out_pairs(struct out *o, struct sv rest)
{
	while (rest.n > 0 && o->n < LINE_ROOM) {
		size_t k = key_length(rest), n;
		struct sv key = sv_first(rest, k > 0 ? k - 1 : 0), v;

		rest = sv_skip(rest, k);
		n = k > 0 ? value_length(rest) : rest.n;
		v = sv_first(rest, n);
		rest = sv_skip(rest, n + 1);
		out_raw(o, ",\"", 2);
		if (k == 0)
			key = SV("text");
		if (is_fixed(key))
			out_raw(o, "its_", 4);
		out_raw(o, key.p, key.n);
		out_raw(o, "\":", 2);
		if (v.n > 1 && v.p[0] == '"')
			v = sv_first(sv_skip(v, 1), v.n - 2);
		else if (is_number(v)) {
			out_raw(o, v.p, v.n);
			continue;
		}
		out_string(o, v);
	}
}

static void
write_json(const char *stamp, enum log_level level, const char *event,
    const char *rest)
{
	struct out o = {.n = 0};

	o.n = (size_t)snprintf(o.p, sizeof o.p,
	    "%s{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"pid\":%d,"
	    "\"event\":\"%s\"",
	    priority(level), stamp, level_names[level], log_process, own_pid(),
	    event);
	out_pairs(&o, sv_str(rest));
	out_raw(&o, "}\n", 2);
	if (write(2, o.p, o.n) < 0)
		return; /* nobody is left to tell */
}

/* ---- text ---- */

static void
write_text(const char *stamp, enum log_level level, const char *event,
    const char *rest)
{
	char line[2048];
	int n = snprintf(line, sizeof line - 1, "%s%s %s %s[%d] %s %s",
	    priority(level), stamp, level_names[level], log_process, own_pid(),
	    event, rest);

	if (n < 0)
		return;
	if ((size_t)n > sizeof line - 2)
		n = sizeof line - 2;
	line[n++] = '\n';
	if (write(2, line, (size_t)n) < 0)
		return;
}

void
mlog(enum log_level level, const char *event, const char *fmt, ...)
{
	char rest[1900], stamp[32];
	struct clk_tm t;
	int64_t now;
	va_list ap;
	size_t i;
	int n;

	if (level > log_max)
		return;
	now = clk_now();
	clk_civil(now / 1000, &t);
	(void)snprintf(stamp, sizeof stamp,
	    "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.year, t.month, t.day,
	    t.hour, t.minute, t.second, (int)(now % 1000));
	va_start(ap, fmt);
	n = vsnprintf(rest, sizeof rest, fmt, ap);
	va_end(ap);
	if (n < 0)
		rest[0] = '\0';
	/* One event is one line, whatever somebody managed to get into it. */
	for (i = 0; rest[i] != '\0'; i++)
		if (!ascii_is_print(rest[i]))
			rest[i] = '?';
	remember(level, now, event, rest);
	if (log_json)
		write_json(stamp, level, event, rest);
	else
		write_text(stamp, level, event, rest);
}

const char *
log_q(char out[LOG_Q_MAX], struct sv s)
{
	size_t i, n = 0;

	out[n++] = '"';
	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (n + 9 > LOG_Q_MAX) {
			n += (size_t)snprintf(out + n, LOG_Q_MAX - n, "...");
			break;
		}
		if (c == '"' || c == '\\')
			out[n++] = '\\';
		if (ascii_is_print((char)c))
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(
			    out + n, LOG_Q_MAX - n, "\\x%02x", c);
	}
	out[n++] = '"';
	out[n] = '\0';
	return out;
}
