module phalanx.dev/storm

go 1.24
