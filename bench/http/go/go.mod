module gort/bench/http

go 1.21
