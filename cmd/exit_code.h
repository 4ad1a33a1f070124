/* What the program's exit codes mean, to scripts and service managers. */
#ifndef CMD_EXIT_CODE_H
#define CMD_EXIT_CODE_H

enum exit_code {
	EXIT_FINE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_CONFIG = 78 /* EX_CONFIG of sysexits.h */
};

#endif
