package main

// Everyday programs: pools, pipelines, requests, fan-out, time-outs.

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// keep makes the compiler compute its argument.
//
//go:noinline
func keep(uint64) {}

func workerPool(n int64, yields bool) time.Duration {
	t := time.Now()
	jobs := make(chan int64, 111)
	results := make(chan int64, 111)
	var workers sync.WaitGroup
	for range 37 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for job := range jobs {
				if !yields {
					keep(spin(30))
				} else if job%10 == 0 {
					runtime.Gosched()
				}
				results <- job
			}
		}()
	}
	go func() {
		for i := range n {
			jobs <- i
		}
		close(jobs)
		workers.Wait()
		close(results)
	}()
	sum := int64(0)
	for v := range results {
		sum += v
	}
	d := time.Since(t)
	check(sum == triangle(n), "%d", sum)
	return d
}

type request struct {
	v      int64
	answer chan int64
}

func requestReply(n int64) time.Duration {
	const clients = 8
	each := n / clients
	t := time.Now()
	asked := make(chan request)
	go func() {
		for q := range asked {
			q.answer <- q.v + 1
		}
	}()
	var sum atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Add(1)
		go func() {
			defer all.Done()
			answer := make(chan int64)
			own := int64(0)
			for i := range each {
				asked <- request{i, answer}
				own += <-answer
			}
			sum.Add(own)
		}()
	}
	all.Wait()
	close(asked)
	d := time.Since(t)
	check(sum.Load() == (triangle(each)+each)*clients, "%d", sum.Load())
	return d
}

func selectTimeout(n int64) time.Duration {
	const pairs = 50
	each := n / pairs
	var sum atomic.Int64
	var all sync.WaitGroup
	t := time.Now()
	for range pairs {
		c := make(chan int64)
		go func() {
			for i := range each {
				c <- i
			}
		}()
		all.Add(1)
		go func() {
			defer all.Done()
			own := int64(0)
			for range each {
				select {
				case v := <-c:
					own += v
				case <-time.After(10 * time.Second):
					panic("late")
				}
			}
			sum.Add(own)
		}()
	}
	all.Wait()
	d := time.Since(t)
	check(sum.Load() == triangle(each)*pairs, "%d", sum.Load())
	return d
}

func fanOut(n int64) time.Duration {
	const batch = 100
	each, one := n/batch, spin(300)
	var sum atomic.Uint64
	t := time.Now()
	for range each {
		var all sync.WaitGroup
		for range batch {
			all.Add(1)
			go func() {
				sum.Add(spin(300))
				all.Done()
			}()
		}
		all.Wait()
	}
	d := time.Since(t)
	check(sum.Load() == one*uint64(each*batch), "%d", sum.Load())
	return d
}

func stages(n int64) time.Duration {
	const count = 10
	t := time.Now()
	first := make(chan int64)
	last := first
	for range count {
		from, to := last, make(chan int64)
		go func() {
			for v := range from {
				to <- v + 1
			}
			close(to)
		}()
		last = to
	}
	go func() {
		for i := range n {
			first <- i
		}
		close(first)
	}()
	sum := int64(0)
	for v := range last {
		sum += v
	}
	d := time.Since(t)
	check(sum == triangle(n)+n*count, "%d", sum)
	return d
}

func semChannel(n int64) time.Duration {
	one := spin(150)
	var sum atomic.Uint64
	var all sync.WaitGroup
	sem := make(chan struct{}, 8)
	t := time.Now()
	for range n {
		sem <- struct{}{}
		all.Add(1)
		go func() {
			sum.Add(spin(150))
			<-sem
			all.Done()
		}()
	}
	all.Wait()
	d := time.Since(t)
	check(sum.Load() == one*uint64(n), "%d", sum.Load())
	return d
}

func broadcast(n int64) time.Duration {
	const listeners = 100
	rounds := n / listeners
	var sum atomic.Int64
	var all sync.WaitGroup
	t := time.Now()
	to := make([]chan int64, listeners)
	for i := range to {
		to[i] = make(chan int64)
		all.Add(1)
		go func() {
			own := int64(0)
			for v := range to[i] {
				own += v
			}
			sum.Add(own)
			all.Done()
		}()
	}
	for round := range rounds {
		for _, c := range to {
			c <- round
		}
	}
	for _, c := range to {
		close(c)
	}
	all.Wait()
	d := time.Since(t)
	check(sum.Load() == triangle(rounds)*listeners, "%d", sum.Load())
	return d
}

func selectLoop(n int64) time.Duration {
	each := n / 4
	t := time.Now()
	var from [4]chan int64
	for i := range from {
		from[i] = make(chan int64, 16)
		go func() {
			for v := range each {
				from[i] <- v
			}
		}()
	}
	sum := int64(0)
	for range each * 4 {
		select {
		case v := <-from[0]:
			sum += v
		case v := <-from[1]:
			sum += v
		case v := <-from[2]:
			sum += v
		case v := <-from[3]:
			sum += v
		}
	}
	d := time.Since(t)
	check(sum == triangle(each)*4, "%d", sum)
	return d
}
