// SPDX-License-Identifier: Apache-2.0
#include "api/cli/cli.h"

#ifdef PHALANX_SIMULATE
#include "api/cli/simulate.h"
#endif

int main(int argc, char **argv)
{
#ifdef PHALANX_SIMULATE
    static const struct cli_command simulate = {"simulate", cli_simulate,
                                                "try to break the engine in a simulated cluster"};
    return cli_run_with(argc, argv, &simulate);
#else
    return cli_run(argc, argv);
#endif
}
