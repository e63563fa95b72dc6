// Go: peer-go WORKLOAD WORKERS N.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

var (
	workload string
	workers  int
	size     int64
)

// report prints the figures: ops operations took d. The line is described in
// bench/common/src/lib.rs.
func report(ops int64, d time.Duration, extra string) {
	fmt.Printf("workload=%s workers=%d n=%d ns=%.3f %s\n",
		workload, workers, size, float64(d.Nanoseconds())/float64(ops), extra)
}

// check ends the process, without figures, unless the result is right.
func check(ok bool, msg string, a ...any) {
	if !ok {
		fmt.Fprintf(os.Stderr, "wrong result in %s: "+msg+"\n", append([]any{workload}, a...)...)
		os.Exit(3)
	}
}

func triangle(n int64) int64 { return n * (n - 1) / 2 }

func main() {
	if len(os.Args) != 4 && len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: WORKLOAD WORKERS N")
		os.Exit(2)
	}
	workload = os.Args[1]
	workers, _ = strconv.Atoi(os.Args[2])
	size, _ = strconv.ParseInt(os.Args[3], 10, 64)
	n := size
	runtime.GOMAXPROCS(workers)
	simple := map[string]struct {
		f   func(int64) time.Duration
		mul int64
	}{
		"spawn_join":        {spawnJoin, 1},
		"spawn_seq":         {spawnSeq, 1},
		"yield_pair":        {yieldPair, 2},
		"pingpong_unbuf":    {func(n int64) time.Duration { return pingpong(n, 0) }, 1},
		"pingpong_buf1":     {func(n int64) time.Duration { return pingpong(n, 1) }, 1},
		"spsc_buf128":       {func(n int64) time.Duration { return fan(n, 1, 1, 128) }, 1},
		"mpmc_buf128":       {func(n int64) time.Duration { return fan(n, 8, 8, 128) }, 1},
		"mpsc_unbuf":        {func(n int64) time.Duration { return fan(n, 100, 1, 0) }, 1},
		"select2":           {func(n int64) time.Duration { return selectN(n, 2) }, 1},
		"select8":           {func(n int64) time.Duration { return selectN(n, 8) }, 1},
		"select_default":    {selectDefault, 1},
		"try_uncontended":   {tryUncontended, 1},
		"mutex_uncontended": {mutexUncontended, 1},
		"mutex_contended":   {mutexContended, 1},
		"rwmutex_read":      {rwmutexRead, 1},
		"rwmutex_mostly":    {rwmutexMostly, 1},
		"sem_contended":     {func(n int64) time.Duration { return semContended(n, false) }, 1},
		"sem_yield":         {func(n int64) time.Duration { return semContended(n, true) }, 1},
		"timer_reset":       {timerReset, 1},
		"worker_pool":       {func(n int64) time.Duration { return workerPool(n, false) }, 1},
		"pool_yield":        {func(n int64) time.Duration { return workerPool(n, true) }, 1},
		"request_reply":     {requestReply, 1},
		"select_timeout":    {selectTimeout, 1},
		"fan_out":           {fanOut, 1},
		"stages":            {stages, 1},
		"sem_channel":       {semChannel, 1},
		"broadcast":         {broadcast, 1},
		"select_loop":       {selectLoop, 1},
		"map_mutex":         {mapMutex, 1},
		"map_rwlock":        {mapRWLock, 1},
		"map_sharded":       {mapSharded, 1},
		"merge_sort":        {mergeSort, 1},
	}
	if b, ok := simple[workload]; ok {
		b.f(max(n/10/800*800, 800)) // to warm up
		d := b.f(n)
		report(n*b.mul, d, "")
		return
	}
	switch workload {
	case "grid":
		if len(os.Args) != 5 {
			fmt.Fprintln(os.Stderr, "usage: grid WORKERS N KIND,SECTION,OUTSIDE,GOROUTINES")
			os.Exit(2)
		}
		grid(os.Args[4], max(n/10/800*800, 800)) // to warm up
		ops, d := grid(os.Args[4], n)
		report(ops, d, "")
	case "skynet":
		d := skynet(n)
		report((n*10-1)/9, d, "")
	case "sieve":
		d, hops := sieve(n)
		report(hops, d, "")
	case "ring":
		d := ring(n)
		report(n, d, "")
	case "parked_memory":
		parked(n)
	case "timers":
		timers(n)
	case "tcp_echo":
		tcpServer()
	case "syscall_block":
		d := syscallBlock(n / 64 * 64)
		report(n/64*64, d, "")
	case "syscall_sleep":
		report(n/64*64, syscallSleep(n), "")
	case "cpu_hog":
		cpuHog(n)
	default:
		fmt.Fprintln(os.Stderr, "no workload", workload)
		os.Exit(2)
	}
}
