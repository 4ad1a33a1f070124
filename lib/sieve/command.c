#include "sieve/command.h"

#include "sieve/commands.h"
#include "sieve/fields.h"

/* ---- arguments that several commands have ---- */

#define END                                   \
	{                                     \
		NULL, T_IS, G_NONE, V_NONE, 0 \
	}

static const struct sieve_tag_spec match_tags[] = {
    {"is", T_IS, G_MATCH, V_NONE, 0},
    {"contains", T_CONTAINS, G_MATCH, V_NONE, 0},
    {"matches", T_MATCHES, G_MATCH, V_NONE, 0},
    {"regex", T_REGEX, G_MATCH, V_NONE, EXT(E_REGEX)},
    {"value", T_VALUE, G_MATCH, V_STRING, EXT(E_RELATIONAL)},
    {"count", T_COUNT, G_MATCH, V_STRING, EXT(E_RELATIONAL)},
    {"list", T_EXTLIST, G_MATCH, V_NONE, EXT(E_EXTLISTS)},
    {"comparator", T_COMPARATOR, G_NONE, V_STRING, 0},
    END,
};

static const struct sieve_tag_spec part_tags[] = {
    {"all", T_ALL, G_PART, V_NONE, 0},
    {"localpart", T_LOCALPART, G_PART, V_NONE, 0},
    {"domain", T_DOMAIN, G_PART, V_NONE, 0},
    {"user", T_USER, G_PART, V_NONE, EXT(E_SUBADDRESS)},
    {"detail", T_DETAIL, G_PART, V_NONE, EXT(E_SUBADDRESS)},
    END,
};

static const struct sieve_tag_spec index_tags[] = {
    {"index", T_INDEX, G_NONE, V_NUMBER, EXT(E_INDEX)},
    {"last", T_LAST, G_NONE, V_NONE, EXT(E_INDEX)},
    END,
};

static const struct sieve_tag_spec child_tags[] = {
    {"mime", T_MIME, G_NONE, V_NONE, EXT(E_MIME)},
    {"anychild", T_ANYCHILD, G_NONE, V_NONE, EXT(E_MIME)},
    END,
};

static const struct sieve_tag_spec mime_tags[] = {
    {"type", T_TYPE, G_WHAT, V_NONE, EXT(E_MIME)},
    {"subtype", T_SUBTYPE, G_WHAT, V_NONE, EXT(E_MIME)},
    {"contenttype", T_CONTENTTYPE, G_WHAT, V_NONE, EXT(E_MIME)},
    {"param", T_PARAM, G_WHAT, V_LIST, EXT(E_MIME)},
    END,
};

static const struct sieve_tag_spec size_tags[] = {
    {"over", T_OVER, G_SIZE, V_NUMBER, 0},
    {"under", T_UNDER, G_SIZE, V_NUMBER, 0},
    END,
};

static const struct sieve_tag_spec copy_tags[] = {
    {"copy", T_COPY, G_NONE, V_NONE, EXT(E_COPY)},
    END,
};

static const struct sieve_tag_spec flag_tags[] = {
    {"flags", T_FLAGS, G_NONE, V_LIST, EXT(E_FLAGS)},
    END,
};

static const struct sieve_tag_spec place_tags[] = {
    {"create", T_CREATE, G_NONE, V_NONE, EXT(E_MAILBOX)},
    {"specialuse", T_SPECIALUSE, G_PLACE, V_STRING, EXT(E_SPECIALUSE)},
    {"mailboxid", T_MAILBOXID, G_PLACE, V_STRING, EXT(E_MAILBOXID)},
    END,
};

static const struct sieve_tag_spec fcc_tags[] = {
    {"fcc", T_FCC, G_NONE, V_STRING, EXT(E_FCC)},
    END,
};

static const struct sieve_tag_spec list_tags[] = {
    {"list", T_LIST, G_NONE, V_NONE, EXT(E_EXTLISTS)},
    END,
};

static const struct sieve_tag_spec answer_tags[] = {
    {"days", T_DAYS, G_TIME, V_NUMBER, 0},
    {"seconds", T_SECONDS, G_TIME, V_NUMBER, EXT(E_VACATION_SECONDS)},
    {"subject", T_SUBJECT, G_NONE, V_STRING, 0},
    {"from", T_FROM, G_NONE, V_STRING, 0},
    {"addresses", T_ADDRESSES, G_NONE, V_LIST, 0},
    {"mime", T_MIME, G_NONE, V_NONE, 0},
    {"handle", T_HANDLE, G_NONE, V_STRING, 0},
    END,
};

static const struct sieve_tag_spec body_tags[] = {
    {"raw", T_RAW, G_TRANSFORM, V_NONE, 0},
    {"content", T_CONTENT, G_TRANSFORM, V_LIST, 0},
    {"text", T_TEXT, G_TRANSFORM, V_NONE, 0},
    END,
};

static const struct sieve_tag_spec zone_tags[] = {
    {"zone", T_ZONE, G_ZONE, V_STRING, 0},
    END,
};

static const struct sieve_tag_spec original_tags[] = {
    {"originalzone", T_ORIGINALZONE, G_ZONE, V_NONE, 0},
    END,
};

static const struct sieve_tag_spec duplicate_tags[] = {
    {"handle", T_HANDLE, G_NONE, V_STRING, 0},
    {"header", T_HEADER, G_ID, V_STRING, 0},
    {"uniqueid", T_UNIQUEID, G_ID, V_STRING, 0},
    {"seconds", T_SECONDS, G_NONE, V_NUMBER, 0},
    {"last", T_LAST, G_NONE, V_NONE, 0},
    END,
};

static const struct sieve_tag_spec include_tags[] = {
    {"personal", T_PERSONAL, G_LOCATION, V_NONE, 0},
    {"global", T_GLOBAL, G_LOCATION, V_NONE, 0},
    {"once", T_ONCE, G_NONE, V_NONE, 0},
    {"optional", T_OPTIONAL, G_NONE, V_NONE, 0},
    END,
};

static const struct sieve_tag_spec percent_tags[] = {
    {"percent", T_PERCENT, G_NONE, V_NONE, EXT(E_SPAMTESTPLUS)},
    END,
};

static const struct sieve_tag_spec last_tags[] = {
    {"last", T_LAST, G_NONE, V_NONE, 0},
    END,
};

/* Those of "index", which another extension has as well. */
static const struct sieve_tag_spec edit_index_tags[] = {
    {"index", T_INDEX, G_NONE, V_NUMBER, 0},
    {"last", T_LAST, G_NONE, V_NONE, 0},
    END,
};

static const struct sieve_tag_spec notify_tags[] = {
    {"from", T_FROM, G_NONE, V_STRING, 0},
    {"importance", T_IMPORTANCE, G_NONE, V_STRING, 0},
    {"options", T_OPTIONS, G_NONE, V_LIST, 0},
    {"message", T_MESSAGE, G_NONE, V_STRING, 0},
    END,
};

static const struct sieve_tag_spec name_tags[] = {
    {"name", T_NAME, G_NONE, V_STRING, 0},
    END,
};

static const struct sieve_tag_spec first_tags[] = {
    {"first", T_FIRST, G_NONE, V_NUMBER, 0},
    END,
};

static const struct sieve_tag_spec replace_tags[] = {
    {"mime", T_MIME, G_NONE, V_NONE, 0},
    {"subject", T_SUBJECT, G_NONE, V_STRING, 0},
    {"from", T_FROM, G_NONE, V_STRING, 0},
    END,
};

static const struct sieve_tag_spec enclose_tags[] = {
    {"subject", T_SUBJECT, G_NONE, V_STRING, 0},
    {"headers", T_HEADERS, G_NONE, V_LIST, 0},
    END,
};

static const struct sieve_tag_spec modifier_tags[] = {
    {"lower", T_LOWER, G_CASE, V_NONE, 0},
    {"upper", T_UPPER, G_CASE, V_NONE, 0},
    {"lowerfirst", T_LOWERFIRST, G_FIRST_CASE, V_NONE, 0},
    {"upperfirst", T_UPPERFIRST, G_FIRST_CASE, V_NONE, 0},
    {"quotewildcard", T_QUOTEWILDCARD, G_QUOTE, V_NONE, 0},
    {"quoteregex", T_QUOTEREGEX, G_QUOTE, V_NONE, EXT(E_REGEX)},
    {"encodeurl", T_ENCODEURL, G_NONE, V_NONE, EXT(E_ENOTIFY)},
    {"length", T_LENGTH, G_NONE, V_NONE, 0},
    END,
};

/* ---- commands ---- */

#define MAILBOX	 "the name of a mailbox"
#define KEYS	 "what to compare it with"
#define FIELDS	 "names of header fields"
#define VARIABLE "the name of a variable"

static const struct sieve_command commands[] = {
    {.name = "require",
	.pos = "l",
	.what = {"names of extensions"},
	.check = sieve_check_require},
    {.name = "if",
	.pos = "",
	.tests = TESTS_ONE,
	.block = true,
	.run = sieve_run_if},
    {.name = "elsif",
	.pos = "",
	.tests = TESTS_ONE,
	.block = true,
	.run = sieve_run_elsif},
    {.name = "else", .pos = "", .block = true, .run = sieve_run_else},
    {.name = "stop", .pos = "", .run = sieve_run_stop},
    {.name = "error",
	.ext = EXT(E_IHAVE),
	.pos = "s",
	.what = {"the text of the error"},
	.run = sieve_run_error},
    {.name = "keep",
	.class = K_ACTION,
	.tags = {flag_tags},
	.pos = "",
	.run = sieve_run_keep},
    {.name = "discard", .class = K_ACTION, .pos = "", .run = sieve_run_discard},
    {.name = "fileinto",
	.class = K_ACTION,
	.ext = EXT(E_FILEINTO),
	.tags = {copy_tags, flag_tags, place_tags},
	.pos = "s",
	.what = {MAILBOX},
	.check = sieve_check_fileinto,
	.run = sieve_run_fileinto},
    {.name = "redirect",
	.class = K_ACTION,
	.tags = {copy_tags, list_tags},
	.pos = "s",
	.what = {"an address"},
	.check = sieve_check_redirect,
	.run = sieve_run_redirect},
    {.name = "setflag",
	.class = K_ACTION,
	.ext = EXT(E_FLAGS),
	.pos = "sl",
	.what = {VARIABLE, "flags"},
	.optional_first = 1,
	.check = sieve_check_flags,
	.run = sieve_run_setflag},
    {.name = "addflag",
	.class = K_ACTION,
	.ext = EXT(E_FLAGS),
	.pos = "sl",
	.what = {VARIABLE, "flags"},
	.optional_first = 1,
	.check = sieve_check_flags,
	.run = sieve_run_addflag},
    {.name = "removeflag",
	.class = K_ACTION,
	.ext = EXT(E_FLAGS),
	.pos = "sl",
	.what = {VARIABLE, "flags"},
	.optional_first = 1,
	.check = sieve_check_flags,
	.run = sieve_run_removeflag},
    {.name = "set",
	.class = K_ACTION,
	.ext = EXT(E_VARIABLES),
	.tags = {modifier_tags},
	.pos = "ss",
	.what = {VARIABLE, "its value"},
	.check = sieve_check_set,
	.run = sieve_run_set},
    {.name = "vacation",
	.class = K_ACTION,
	.ext = EXT(E_VACATION),
	.tags = {answer_tags, fcc_tags, flag_tags, place_tags},
	.pos = "s",
	.what = {"the text of the answer"},
	.check = sieve_check_vacation,
	.run = sieve_run_vacation},
    {.name = "reject",
	.class = K_ACTION,
	.ext = EXT(E_REJECT),
	.pos = "s",
	.what = {"the reason"},
	.run = sieve_run_reject},
    {.name = "ereject",
	.class = K_ACTION,
	.ext = EXT(E_EREJECT),
	.pos = "s",
	.what = {"the reason"},
	.run = sieve_run_ereject},
    {.name = "include",
	.ext = EXT(E_INCLUDE),
	.tags = {include_tags},
	.pos = "s",
	.what = {"the name of a script"},
	.check = sieve_check_include,
	.run = sieve_run_include},
    {.name = "return",
	.ext = EXT(E_INCLUDE),
	.pos = "",
	.run = sieve_run_return},
    {.name = "global",
	.ext = EXT(E_INCLUDE),
	.pos = "l",
	.what = {"names of variables"},
	.check = sieve_check_global,
	.run = sieve_run_global},
    {.name = "addheader",
	.class = K_ACTION,
	.ext = EXT(E_EDITHEADER),
	.tags = {last_tags},
	.pos = "ss",
	.what = {"the name of a header field", "its value"},
	.check = sieve_check_addheader,
	.run = sieve_run_addheader},
    {.name = "deleteheader",
	.class = K_ACTION,
	.ext = EXT(E_EDITHEADER),
	.tags = {match_tags, edit_index_tags},
	.pos = "sl",
	.what = {"the name of a header field", "its values"},
	.optional_last = 1,
	.check = sieve_check_deleteheader,
	.run = sieve_run_deleteheader},
    {.name = "notify",
	.class = K_ACTION,
	.ext = EXT(E_ENOTIFY),
	.tags = {notify_tags, fcc_tags, flag_tags, place_tags},
	.pos = "s",
	.what = {"the method, such as \"mailto:anna@example.org\""},
	.check = sieve_check_notify,
	.run = sieve_run_notify},
    {.name = "foreverypart",
	.ext = EXT(E_FOREVERYPART),
	.tags = {name_tags},
	.pos = "",
	.block = true,
	.check = sieve_check_foreverypart,
	.run = sieve_run_foreverypart},
    {.name = "break",
	.ext = EXT(E_FOREVERYPART),
	.tags = {name_tags},
	.pos = "",
	.check = sieve_check_break,
	.run = sieve_run_break},
    {.name = "extracttext",
	.class = K_ACTION,
	.ext = EXT(E_EXTRACTTEXT),
	.tags = {modifier_tags, first_tags},
	.pos = "s",
	.what = {VARIABLE},
	.check = sieve_check_extracttext,
	.run = sieve_run_extracttext},
    {.name = "replace",
	.class = K_ACTION,
	.ext = EXT(E_REPLACE),
	.tags = {replace_tags},
	.pos = "s",
	.what = {"the replacement"},
	.check = sieve_check_replace,
	.run = sieve_run_replace},
    {.name = "enclose",
	.class = K_ACTION,
	.ext = EXT(E_ENCLOSE),
	.tags = {enclose_tags},
	.pos = "s",
	.what = {"the text in front of it"},
	.run = sieve_run_enclose},
};

static const struct sieve_command tests[] = {
    {.name = "true", .class = K_TEST, .pos = "", .test = sieve_test_true},
    {.name = "false", .class = K_TEST, .pos = "", .test = sieve_test_false},
    {.name = "not",
	.class = K_TEST,
	.pos = "",
	.tests = TESTS_ONE,
	.test = sieve_test_not},
    {.name = "allof",
	.class = K_TEST,
	.pos = "",
	.tests = TESTS_LIST,
	.test = sieve_test_allof},
    {.name = "anyof",
	.class = K_TEST,
	.pos = "",
	.tests = TESTS_LIST,
	.test = sieve_test_anyof},
    {.name = "address",
	.class = K_TEST,
	.tags = {match_tags, part_tags, index_tags, child_tags},
	.pos = "ll",
	.what = {FIELDS, KEYS},
	.check = sieve_check_address,
	.test = sieve_test_address},
    {.name = "envelope",
	.class = K_TEST,
	.ext = EXT(E_ENVELOPE),
	.tags = {match_tags, part_tags},
	.pos = "ll",
	.what = {"\"from\" or \"to\"", KEYS},
	.check = sieve_check_envelope,
	.test = sieve_test_envelope},
    {.name = "exists",
	.class = K_TEST,
	.tags = {child_tags},
	.pos = "l",
	.what = {FIELDS},
	.check = sieve_check_fields,
	.test = sieve_test_exists},
    {.name = "header",
	.class = K_TEST,
	.tags = {match_tags, index_tags, child_tags, mime_tags},
	.pos = "ll",
	.what = {FIELDS, KEYS},
	.check = sieve_check_fields,
	.test = sieve_test_header},
    {.name = "size",
	.class = K_TEST,
	.tags = {size_tags},
	.pos = "",
	.check = sieve_check_size,
	.test = sieve_test_size},
    {.name = "hasflag",
	.class = K_TEST,
	.ext = EXT(E_FLAGS),
	.tags = {match_tags},
	.pos = "ll",
	.what = {"names of variables", "flags"},
	.optional_first = 1,
	.check = sieve_check_flags,
	.test = sieve_test_hasflag},
    {.name = "string",
	.class = K_TEST,
	.ext = EXT(E_VARIABLES),
	.tags = {match_tags},
	.pos = "ll",
	.what = {"the text", KEYS},
	.test = sieve_test_string},
    {.name = "ihave",
	.class = K_TEST,
	.ext = EXT(E_IHAVE),
	.pos = "l",
	.what = {"names of extensions"},
	.check = sieve_check_ihave,
	.test = sieve_test_ihave},
    {.name = "body",
	.class = K_TEST,
	.ext = EXT(E_BODY),
	.tags = {match_tags, body_tags},
	.pos = "l",
	.what = {KEYS},
	.test = sieve_test_body},
    {.name = "date",
	.class = K_TEST,
	.ext = EXT(E_DATE),
	.tags = {match_tags, zone_tags, original_tags, index_tags},
	.pos = "ssl",
	.what = {"the name of a header field", "a part of the date", KEYS},
	.check = sieve_check_date,
	.test = sieve_test_date},
    {.name = "currentdate",
	.class = K_TEST,
	.ext = EXT(E_DATE),
	.tags = {match_tags, zone_tags},
	.pos = "sl",
	.what = {"a part of the date", KEYS},
	.check = sieve_check_currentdate,
	.test = sieve_test_currentdate},
    {.name = "mailboxexists",
	.class = K_TEST,
	.ext = EXT(E_MAILBOX),
	.pos = "l",
	.what = {"names of mailboxes"},
	.test = sieve_test_mailboxexists},
    {.name = "metadata",
	.class = K_TEST,
	.ext = EXT(E_MBOXMETADATA),
	.tags = {match_tags},
	.pos = "ssl",
	.what = {MAILBOX, "the name of an annotation", KEYS},
	.test = sieve_test_metadata},
    {.name = "metadataexists",
	.class = K_TEST,
	.ext = EXT(E_MBOXMETADATA),
	.pos = "sl",
	.what = {MAILBOX, "names of annotations"},
	.test = sieve_test_metadataexists},
    {.name = "servermetadata",
	.class = K_TEST,
	.ext = EXT(E_SERVERMETADATA),
	.tags = {match_tags},
	.pos = "sl",
	.what = {"the name of an annotation", KEYS},
	.test = sieve_test_servermetadata},
    {.name = "servermetadataexists",
	.class = K_TEST,
	.ext = EXT(E_SERVERMETADATA),
	.pos = "l",
	.what = {"names of annotations"},
	.test = sieve_test_servermetadataexists},
    {.name = "mailboxidexists",
	.class = K_TEST,
	.ext = EXT(E_MAILBOXID),
	.pos = "l",
	.what = {"identifiers of mailboxes"},
	.test = sieve_test_mailboxidexists},
    {.name = "specialuse_exists",
	.class = K_TEST,
	.ext = EXT(E_SPECIALUSE),
	.pos = "sl",
	.what = {MAILBOX, "special uses, such as \"\\\\Junk\""},
	.optional_first = 1,
	.test = sieve_test_specialuse_exists},
    {.name = "environment",
	.class = K_TEST,
	.ext = EXT(E_ENVIRONMENT),
	.tags = {match_tags},
	.pos = "sl",
	.what = {"the name of an item", KEYS},
	.test = sieve_test_environment},
    {.name = "spamtest",
	.class = K_TEST,
	.ext = EXT(E_SPAMTEST),
	.tags = {match_tags, percent_tags},
	.pos = "l",
	.what = {"a number"},
	.test = sieve_test_spamtest},
    {.name = "virustest",
	.class = K_TEST,
	.ext = EXT(E_VIRUSTEST),
	.tags = {match_tags},
	.pos = "l",
	.what = {"a number"},
	.test = sieve_test_virustest},
    {.name = "valid_ext_list",
	.class = K_TEST,
	.ext = EXT(E_EXTLISTS),
	.pos = "l",
	.what = {"names of lists"},
	.test = sieve_test_valid_ext_list},
    {.name = "valid_notify_method",
	.class = K_TEST,
	.ext = EXT(E_ENOTIFY),
	.pos = "l",
	.what = {"methods"},
	.test = sieve_test_valid_notify_method},
    {.name = "notify_method_capability",
	.class = K_TEST,
	.ext = EXT(E_ENOTIFY),
	.tags = {match_tags},
	.pos = "ssl",
	.what = {"a method", "a capability, such as \"online\"", KEYS},
	.test = sieve_test_notify_method_capability},
    {.name = "duplicate",
	.class = K_TEST,
	.ext = EXT(E_DUPLICATE),
	.tags = {duplicate_tags},
	.pos = "",
	.test = sieve_test_duplicate},
};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

const struct sieve_command *
sieve_command_find(struct sv name, bool test)
{
	const struct sieve_command *all = test ? tests : commands;
	size_t n = test ? COUNT(tests) : COUNT(commands);

	for (size_t i = 0; i < n; i++)
		if (sv_ieq(name, sv_str(all[i].name)))
			return &all[i];
	return NULL;
}

struct sv
sieve_command_nearest(struct sv name, bool test)
{
	const struct sieve_command *all = test ? tests : commands;
	size_t n = test ? COUNT(tests) : COUNT(commands);
	struct sv_nearest near = {.word = name};

	for (size_t i = 0; i < n; i++)
		sv_nearest(&near, sv_str(all[i].name));
	return near.best;
}
