#include "base/trace.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "base/log.h"

#define LINES_MAX 12 /* of what is read or written at once */
#define LINE_MAX  160

static atomic_bool on;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char wanted[TRACE_NAME_MAX];
static int64_t until;

void
trace_set(struct sv what, int64_t ms)
{
	pthread_mutex_lock(&lock);
	(void)snprintf(wanted, sizeof wanted, "%.*s", SV_ARG(what));
	until = clk_mono() + ms;
	atomic_store(&on, wanted[0] != '\0' && ms > 0);
	pthread_mutex_unlock(&lock);
}

bool
trace_is_on(void)
{
	return atomic_load_explicit(&on, memory_order_relaxed);
}

static bool
is_wanted(const char *account, const char *peer)
{
	bool yes;

	pthread_mutex_lock(&lock);
	if (clk_mono() > until)
		atomic_store(&on, false);
	yes = atomic_load(&on) &&
	      ((account != NULL && strcmp(account, wanted) == 0) ||
		  (peer != NULL && strcmp(peer, wanted) == 0));
	pthread_mutex_unlock(&lock);
	return yes;
}

/* How much of a line that logs in may be shown: "AUTH PLAIN", "a LOGIN". */
static size_t
shown_of_login(struct sv line)
{
	static const struct sv words[] = {SV("AUTH"), SV("AUTHENTICATE"),
	    SV("LOGIN"), SV("PASS"), SV("APOP")};
	struct sv rest = line, first = sv_split(&rest, ' ');
	struct sv second = sv_split(&rest, ' ');
	size_t i;

	for (i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (sv_ieq(first, words[i]))
			return i == 0 ? first.n + 1 + second.n : first.n;
		if (sv_ieq(second, words[i]))
			return first.n + 1 + second.n;
	}
	return line.n;
}

const char *
trace_mask(struct trace_state *t, char direction, struct sv line, char *out)
{
	size_t shown = shown_of_login(line);
	char text[LINE_MAX + 16];

	if (t->secret == direction) {
		t->secret = 0;
		return log_q(out, SV("***"));
	}
	/* Go on with the password [RFC 4954 4]; IMAP's is masked as a login,
	 * and what its literals carry is asked for by "+ ". */
	if (sv_starts(line, SV("334")) || sv_starts(line, SV("+ ")))
		t->secret = direction == '<' ? '>' : '<';
	if (shown < line.n) {
		/* "LOGIN anna {6}": the literal follows. */
		if (line.p[line.n - 1] == '}')
			t->secret = direction;
		(void)snprintf(text, sizeof text, "%.*s ***",
		    (int)(shown < LINE_MAX ? shown : LINE_MAX), line.p);
	} else {
		(void)snprintf(text, sizeof text, "%.*s%s",
		    (int)(line.n < LINE_MAX ? line.n : LINE_MAX), line.p,
		    line.n > LINE_MAX ? " ..." : "");
	}
	return log_q(out, sv_str(text));
}

void
trace_bytes(struct trace_state *t, const char *account, const char *peer,
    char direction, struct sv bytes)
{
	bool *open = &t->open[direction == '>'];
	char q[LOG_Q_MAX];
	bool whole;
	unsigned n;

	if (bytes.n == 0 || !is_wanted(account, peer))
		return;
	whole = bytes.p[bytes.n - 1] == '\n';
	if (*open)
		(void)sv_split(&bytes, '\n');
	*open = !whole;
	for (n = 0; n < LINES_MAX && bytes.n > 0; n++) {
		struct sv line = sv_split(&bytes, '\n');

		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		mlog(LOG_INFO, "trace", "%s%s%speer=%s side=%s text=%s",
		    account != NULL ? "account=" : "",
		    account != NULL ? account : "", account != NULL ? " " : "",
		    peer != NULL ? peer : "-", direction == '<' ? "in" : "out",
		    trace_mask(t, direction, line, q));
	}
	if (bytes.n > 0)
		mlog(LOG_INFO, "trace", "peer=%s side=%s more=%zu",
		    peer != NULL ? peer : "-", direction == '<' ? "in" : "out",
		    bytes.n);
}
