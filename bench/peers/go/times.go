package main

// Sleeping, alone and beside goroutines that compute.

import (
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

func timers(n int64) {
	var cnt atomic.Int64
	var wg sync.WaitGroup
	wg.Add(int(n))
	c0 := cpuSecs()
	t := time.Now()
	r := uint64(12345)
	for i := int64(0); i < n; i++ {
		r = r*6364136223846793005 + 1442695040888963407
		ms := 1 + (r>>33)%1000
		go func() {
			t := time.Now()
			time.Sleep(time.Duration(ms) * time.Millisecond)
			if time.Since(t) >= time.Duration(ms)*time.Millisecond {
				cnt.Add(1)
			}
			wg.Done()
		}()
	}
	wg.Wait()
	d := time.Since(t)
	cpu := cpuSecs() - c0
	over := d - time.Second
	check(cnt.Load() == n, "%d early", n-cnt.Load())
	// ns is CPU time per timer: the wall time cannot be below 1 s.
	report(n, time.Duration(cpu*1e9), fmt.Sprintf("late_ms=%.3f peak_mib=%.3f", over.Seconds()*1e3, float64(status("VmHWM"))/1024))
}

func timerReset(n int64) time.Duration {
	var stopped int64
	t := time.Now()
	for i := int64(0); i < n; i++ {
		tm := time.NewTimer(time.Hour)
		if tm.Stop() {
			stopped++
		}
	}
	d := time.Since(t)
	check(stopped == n, "")
	return d
}

//go:noinline
func spin(iters int64) uint64 {
	x := uint64(1)
	for i := int64(0); i < iters; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

func cpuHog(ms int64) {
	t := time.Now()
	spin(50_000_000)
	iters := int64(50_000_000 * (float64(ms) / 1e3) / time.Since(t).Seconds())
	var hogs sync.WaitGroup
	var stop atomic.Bool
	var delays []float64
	done := make(chan struct{})
	started := make(chan struct{})
	go func() {
		close(started)
		for !stop.Load() {
			t := time.Now()
			time.Sleep(time.Millisecond)
			delays = append(delays, float64((time.Since(t)-time.Millisecond).Nanoseconds())/1e3)
		}
		close(done)
	}()
	<-started
	time.Sleep(20 * time.Millisecond)
	var sink atomic.Uint64
	t = time.Now()
	for i := 0; i < 2; i++ {
		hogs.Add(1)
		go func() { sink.Add(spin(iters)); hogs.Done() }()
	}
	hogs.Wait()
	d := time.Since(t)
	stop.Store(true)
	<-done
	sort.Float64s(delays)
	q := func(p float64) float64 { return delays[min(len(delays)-1, int(p*float64(len(delays))))] }
	check(sink.Load() != 0, "")
	report(int64(len(delays)), d, fmt.Sprintf("ticks=%d p50_us=%.3f p99_us=%.3f max_us=%.3f", len(delays), q(.5), q(.99), delays[len(delays)-1]))
}
