#include "sieve/ext.h"

#include "sieve/regex.h"

static const char *const names[E_COUNT] = {
    [E_BODY] = "body",
    [E_NUMERIC] = "comparator-i;ascii-numeric",
    [E_ASCII] = "comparator-i;ascii-casemap",
    [E_OCTET] = "comparator-i;octet",
    [E_UNICODE] = "comparator-i;unicode-casemap",
    [E_COPY] = "copy",
    [E_DATE] = "date",
    [E_DUPLICATE] = "duplicate",
    [E_EDITHEADER] = "editheader",
    [E_ENCLOSE] = "enclose",
    [E_ENCODED] = "encoded-character",
    [E_ENOTIFY] = "enotify",
    [E_ENVELOPE] = "envelope",
    [E_ENVIRONMENT] = "environment",
    [E_EREJECT] = "ereject",
    [E_EXTLISTS] = "extlists",
    [E_EXTRACTTEXT] = "extracttext",
    [E_FCC] = "fcc",
    [E_FILEINTO] = "fileinto",
    [E_FOREVERYPART] = "foreverypart",
    [E_IHAVE] = "ihave",
    [E_FLAGS] = "imap4flags",
    [E_INCLUDE] = "include",
    [E_INDEX] = "index",
    [E_MAILBOX] = "mailbox",
    [E_MAILBOXID] = "mailboxid",
    [E_MBOXMETADATA] = "mboxmetadata",
    [E_MIME] = "mime",
    [E_REGEX] = "regex",
    [E_REJECT] = "reject",
    [E_RELATIONAL] = "relational",
    [E_REPLACE] = "replace",
    [E_SERVERMETADATA] = "servermetadata",
    [E_SPAMTEST] = "spamtest",
    [E_SPAMTESTPLUS] = "spamtestplus",
    [E_SPECIALUSE] = "special-use",
    [E_SUBADDRESS] = "subaddress",
    [E_VACATION] = "vacation",
    [E_VACATION_SECONDS] = "vacation-seconds",
    [E_VARIABLES] = "variables",
    [E_VIRUSTEST] = "virustest",
};

int
sieve_ext_find(struct sv name, enum sieve_ext *out)
{
	/* Names are case-sensitive [RFC 5228 6]. */
	for (unsigned e = 0; e < E_COUNT; e++)
		if (sv_eq(name, sv_str(names[e]))) {
			if (e == E_REGEX && sieve_regex_load(NULL) != RC_OK)
				return RC_NOTFOUND;
			*out = (enum sieve_ext)e;
			return RC_OK;
		}
	return RC_NOTFOUND;
}

uint64_t
sieve_ext_all(enum sieve_ext e)
{
	if (e == E_VACATION_SECONDS) /* [RFC 6131 2] */
		return EXT(e) | EXT(E_VACATION);
	if (e == E_SPAMTESTPLUS)
		return EXT(e) | EXT(E_SPAMTEST);
	return EXT(e);
}

const char *
sieve_ext_name(enum sieve_ext e)
{
	return names[e];
}

struct sv
sieve_ext_nearest(struct sv name)
{
	struct sv_nearest near = {.word = name};

	for (unsigned e = 0; e < E_COUNT; e++)
		sv_nearest(&near, sv_str(names[e]));
	return near.best;
}

enum sieve_ext
sieve_ext_first(uint64_t set)
{
	unsigned e = 0;

	must(set != 0);
	while ((set & EXT(e)) == 0)
		e++;
	return (enum sieve_ext)e;
}

const char *
sieve_extensions(void)
{
#define BEFORE_REGEX                                                        \
	"body comparator-i;ascii-casemap comparator-i;ascii-numeric "       \
	"comparator-i;octet comparator-i;unicode-casemap copy date "        \
	"duplicate editheader enclose encoded-character enotify envelope "  \
	"environment ereject extlists extracttext fcc fileinto "            \
	"foreverypart ihave imap4flags include index mailbox mboxmetadata " \
	"mime "
#define BEHIND_REGEX                                                      \
	"reject relational replace servermetadata spamtest spamtestplus " \
	"special-use subaddress vacation vacation-seconds variables "     \
	"virustest"
	return sieve_regex_load(NULL) == RC_OK ? BEFORE_REGEX
		   "regex " BEHIND_REGEX
					       : BEFORE_REGEX BEHIND_REGEX;
}

const char *
sieve_notify_methods(void)
{
	return "mailto";
}
