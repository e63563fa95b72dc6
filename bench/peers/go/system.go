package main

// Memory, system calls that block, and a server.

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func status(key string) int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return -1
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		l := sc.Text()
		if strings.HasPrefix(l, key+":") {
			fs := strings.Fields(l)
			v, _ := strconv.ParseInt(fs[1], 10, 64)
			return v
		}
	}
	return -1
}

func cpuSecs() float64 {
	var ru syscall.Rusage
	syscall.Getrusage(0, &ru)
	return float64(ru.Utime.Sec+ru.Stime.Sec) + float64(ru.Utime.Usec+ru.Stime.Usec)/1e6
}

func parked(n int64) {
	runtime.GC()
	debug.FreeOSMemory()
	rss0, pte0 := status("VmRSS"), status("VmPTE")
	c := make(chan int64)
	var ready, sum atomic.Int64
	var wg sync.WaitGroup
	wg.Add(int(n))
	t := time.Now()
	for i := int64(0); i < n; i++ {
		go func() {
			ready.Add(1)
			sum.Add(<-c)
			wg.Done()
		}()
	}
	for ready.Load() != n {
		runtime.Gosched()
	}
	d := time.Since(t)
	time.Sleep(100 * time.Millisecond)
	rss, pte := status("VmRSS"), status("VmPTE")
	t2 := time.Now()
	for i := int64(0); i < n; i++ {
		c <- i
	}
	wg.Wait()
	rel := time.Since(t2)
	check(sum.Load() == triangle(n), "")
	each := func(kib int64) float64 { return float64(kib) * 1024 / float64(n) }
	report(n, d, fmt.Sprintf("rss=%.3f tables=%.3f release_ns=%.3f",
		each(rss-rss0), each(pte-pte0), float64(rel.Nanoseconds())/float64(n)))
}

func syscallBlock(n int64) time.Duration {
	const pipe = 3 // see read_byte in common/src/system.rs
	syscall.SetNonblock(pipe, false)
	per := n / 64
	var cnt atomic.Int64
	var wg sync.WaitGroup
	var first [1]byte
	syscall.Read(pipe, first[:]) // start signal: keeps the feeder's start-up out of the time
	t := time.Now()
	for k := 0; k < 64; k++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var b [1]byte
			for i := int64(0); i < per; i++ {
				m, err := syscall.Read(pipe, b[:])
				if m != 1 || err != nil {
					return
				}
				cnt.Add(1)
			}
		}()
	}
	wg.Wait()
	d := time.Since(t)
	check(cnt.Load() == per*64, "%d", cnt.Load())
	return d
}

func syscallSleep(n int64) time.Duration {
	var wg sync.WaitGroup
	t := time.Now()
	for k := 0; k < 64; k++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := int64(0); i < n/64; i++ {
				wait := syscall.NsecToTimespec(100_000)
				syscall.Nanosleep(&wait, nil)
			}
		}()
	}
	wg.Wait()
	return time.Since(t)
}

func tcpServer() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("LISTENING %d\n", l.Addr().(*net.TCPAddr).Port)
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			buf := make([]byte, 64)
			for {
				k := 0
				for k < 64 {
					m, err := c.Read(buf[k:])
					if err != nil {
						return
					}
					k += m
				}
				if _, err := c.Write(buf); err != nil {
					return
				}
			}
		}()
	}
}
