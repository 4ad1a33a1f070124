#include "cmd/run/wiring.h"

#define SERVES(s) (1u << (s))
#define EMPTY	  "run/empty"

/*
 * Each has a user of its own, so that none can touch another or use up what
 * the kernel grants per user.  Out of memory, the accounts' mail and those who
 * speak with strangers go before those on whom all depend.
 */
const struct role_info role_info[ROLE_COUNT] = {
    [ROLE_AUTH] = {.name = "auth",
	.user = "hearthmail-auth",
	.folder = "auth",
	.oom_score = -200},
    /* The mail goes on without it. */
    [ROLE_HISTORY] = {.name = "history",
	.user = "hearthmail-history",
	.folder = "history",
	.dispensable = true,
	.oom_score = 300},
    [ROLE_KEEPER] = {.name = "keeper",
	.user = "hearthmail-keeper",
	.folder = EMPTY,
	.oom_score = -200},
    [ROLE_QUEUE] = {.name = "queue",
	.user = "hearthmail-queue",
	.folder = "spool",
	.oom_score = -200},
    [ROLE_DNS] = {.name = "dns", .user = "hearthmail-dns", .folder = EMPTY},
    [ROLE_MX] = {.name = "mx", .user = "hearthmail-mx", .folder = EMPTY},
    [ROLE_REPORT] = {.name = "report",
	.user = "hearthmail-report",
	.folder = EMPTY,
	.on_demand = true,
	.oom_score = 300},
    [ROLE_SMTP] = {.name = "smtp",
	.user = "hearthmail-smtp",
	.folder = EMPTY,
	.services = SERVES(CONF_SMTP),
	.listener = true,
	.oom_score = 200},
    [ROLE_SUBMISSION] = {.name = "submission",
	.user = "hearthmail-submit",
	.folder = EMPTY,
	.services = SERVES(CONF_SUBMISSION) | SERVES(CONF_SUBMISSIONS),
	.listener = true,
	.oom_score = 200},
    [ROLE_IMAP] = {.name = "imap",
	.user = "hearthmail-imap",
	.folder = EMPTY,
	.services = SERVES(CONF_IMAP) | SERVES(CONF_IMAPS),
	.listener = true,
	.oom_score = 200},
    [ROLE_POP3] = {.name = "pop3",
	.user = "hearthmail-pop3",
	.folder = EMPTY,
	.services = SERVES(CONF_POP3) | SERVES(CONF_POP3S),
	.listener = true,
	.oom_score = 200},
    [ROLE_ACCOUNT] = {.name = "account",
	.user = "hearthmail",
	.folder = "accounts/%s",
	.oom_score = 100},
};

const struct wire server_wires[] = {
    {ROLE_SMTP, ROLE_KEEPER},
    {ROLE_SMTP, ROLE_QUEUE},
    {ROLE_SMTP, ROLE_DNS},
    {ROLE_SMTP, ROLE_REPORT},
    {ROLE_SUBMISSION, ROLE_AUTH},
    {ROLE_SUBMISSION, ROLE_KEEPER},
    {ROLE_SUBMISSION, ROLE_QUEUE},
    {ROLE_SUBMISSION, ROLE_DNS},
    {ROLE_IMAP, ROLE_AUTH},
    {ROLE_POP3, ROLE_AUTH},
    {ROLE_AUTH, ROLE_KEEPER},
    {ROLE_AUTH, ROLE_DNS},
    {ROLE_QUEUE, ROLE_AUTH},
    {ROLE_QUEUE, ROLE_KEEPER},
    {ROLE_QUEUE, ROLE_MX},
    {ROLE_MX, ROLE_DNS},
    {ROLE_ACCOUNT, ROLE_KEEPER},
    {ROLE_SMTP, ROLE_HISTORY},
    {ROLE_REPORT, ROLE_HISTORY},
    {ROLE_SUBMISSION, ROLE_HISTORY},
    {ROLE_QUEUE, ROLE_HISTORY},
    {ROLE_MX, ROLE_HISTORY},
    {ROLE_ACCOUNT, ROLE_HISTORY},
};

const size_t server_nwires = sizeof server_wires / sizeof server_wires[0];
