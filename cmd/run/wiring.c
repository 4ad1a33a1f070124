#include "cmd/run/wiring.h"

#define SERVES(s) (1u << (s))

const struct role_info role_info[ROLE_COUNT] = {
    [ROLE_AUTH] = {"auth", "hearthmail-auth", "auth", 0, false},
    [ROLE_KEEPER] = {"keeper", "hearthmail-keeper", "run/empty", 0, false},
    [ROLE_QUEUE] = {"queue", "hearthmail-queue", "spool", 0, false},
    [ROLE_DNS] = {"dns", "hearthmail-dns", "run/empty", 0, false},
    [ROLE_MX] = {"mx", "hearthmail-net", "run/empty", 0, false},
    [ROLE_SMTP] = {"smtp", "hearthmail-net", "run/empty", SERVES(CONF_SMTP),
	true},
    [ROLE_SUBMISSION] = {"submission", "hearthmail-net", "run/empty",
	SERVES(CONF_SUBMISSION) | SERVES(CONF_SUBMISSIONS), true},
    [ROLE_IMAP] = {"imap", "hearthmail-net", "run/empty",
	SERVES(CONF_IMAP) | SERVES(CONF_IMAPS), true},
    [ROLE_POP3] = {"pop3", "hearthmail-net", "run/empty",
	SERVES(CONF_POP3) | SERVES(CONF_POP3S), true},
    [ROLE_ACCOUNT] = {"account", "hearthmail", "accounts/%s", 0, false},
};

const struct wire house_wires[] = {
    {ROLE_SMTP, ROLE_KEEPER},
    {ROLE_SMTP, ROLE_QUEUE},
    {ROLE_SMTP, ROLE_DNS},
    {ROLE_SUBMISSION, ROLE_AUTH},
    {ROLE_SUBMISSION, ROLE_KEEPER},
    {ROLE_SUBMISSION, ROLE_QUEUE},
    {ROLE_SUBMISSION, ROLE_DNS},
    {ROLE_IMAP, ROLE_AUTH},
    {ROLE_POP3, ROLE_AUTH},
    {ROLE_AUTH, ROLE_KEEPER},
    {ROLE_QUEUE, ROLE_AUTH},
    {ROLE_QUEUE, ROLE_KEEPER},
    {ROLE_QUEUE, ROLE_MX},
    {ROLE_MX, ROLE_DNS},
    {ROLE_ACCOUNT, ROLE_KEEPER},
};

const size_t house_nwires = sizeof house_wires / sizeof house_wires[0];
