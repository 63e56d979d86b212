// Clients in Go, each as its own documentation would have it: `clients KIND`. The PG… variables are read by pgx itself.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// A value that only this statement has, and what another client would have changed, were it let.
const selecting = "SELECT $1::int, current_setting('timezone')"

type numbers func(yield func(int) bool)
type see func(expected, got any)
type kind func(numbers, see) error

var kinds = map[string]kind{
	"pgx":                pgxClient(pgx.QueryExecModeCacheStatement),
	"pgx-cache-describe": pgxClient(pgx.QueryExecModeCacheDescribe),
	"pgx-describe-exec":  pgxClient(pgx.QueryExecModeDescribeExec),
	"pgx-exec":           pgxClient(pgx.QueryExecModeExec),
	"pgx-simple":         pgxClient(pgx.QueryExecModeSimpleProtocol),
	"pgx-batch":          pgxBatch,
	"gorm":               gormClient(postgres.Config{}, gorm.Config{}),
	"gorm-prepared":      gormClient(postgres.Config{}, gorm.Config{PrepareStmt: true}),
	"gorm-simple":        gormClient(postgres.Config{PreferSimpleProtocol: true}, gorm.Config{}),
}

func connect(mode pgx.QueryExecMode) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("")
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = mode
	return pgx.ConnectConfig(context.Background(), config)
}

func pgxClient(mode pgx.QueryExecMode) kind {
	return func(all numbers, see see) error {
		connection, err := connect(mode)
		if err != nil {
			return err
		}
		defer connection.Close(context.Background())
		for number := range all {
			var value int
			var zone string
			err := connection.QueryRow(context.Background(), selecting, number).Scan(&value, &zone)
			if err != nil {
				return err
			}
			see(fmt.Sprint(number, "UTC"), fmt.Sprint(value, zone))
		}
		return nil
	}
}

func pgxBatch(all numbers, see see) error {
	connection, err := connect(pgx.QueryExecModeCacheStatement)
	if err != nil {
		return err
	}
	defer connection.Close(context.Background())
	for number := range all {
		batch := &pgx.Batch{}
		for range 3 {
			batch.Queue(selecting, number)
		}
		results := connection.SendBatch(context.Background(), batch)
		for range 3 {
			var value int
			var zone string
			if err := results.QueryRow().Scan(&value, &zone); err != nil {
				results.Close()
				return err
			}
			see(fmt.Sprint(number, "UTC"), fmt.Sprint(value, zone))
		}
		if err := results.Close(); err != nil {
			return err
		}
	}
	return nil
}

// What an application has of GORM's guide: a model, a row created and found again.
type Order struct {
	ID     uint
	Number int
}

func gormClient(driver postgres.Config, config gorm.Config) kind {
	return func(all numbers, see see) error {
		driver, config := driver, config
		driver.DSN = "sslmode=" + os.Getenv("PGSSLMODE")
		config.Logger = logger.Discard
		// Whatever the proxy says to a ping, pgx calls it "bad connection".
		config.DisableAutomaticPing = true
		db, err := gorm.Open(postgres.New(driver), &config)
		if err != nil {
			return err
		}
		pool, err := db.DB()
		if err != nil {
			return err
		}
		defer pool.Close()
		pool.SetMaxOpenConns(1)
		for number := range all {
			made, found := Order{Number: number}, Order{}
			if err := db.Create(&made).Error; err != nil {
				return err
			}
			if err := db.First(&found, made.ID).Error; err != nil {
				return err
			}
			see(fmt.Sprint(made.ID, number), fmt.Sprint(found.ID, found.Number))
		}
		return nil
	}
}

type report struct {
	lock   sync.Mutex
	Done   int      `json:"done"`
	Errors []string `json:"errors"`
	Wrong  []string `json:"wrong"`
}

func (r *report) see(expected, got any) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.Done++
	if expected != got {
		r.Wrong = append(r.Wrong, fmt.Sprintf("%v became %v", expected, got))
	}
}

func (r *report) failed(err error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	state, detail := "", ""
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		state, detail = refused.Code, refused.Detail
	}
	r.Errors = append(r.Errors, strings.Join(strings.Fields(state+" "+err.Error()+" "+detail), " "))
}

func number(name string) int {
	value, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	clients, sessions, statements := number("CLIENTS"), number("SESSIONS"), number("STATEMENTS")
	stay := os.Getenv("MODE") == "stay"
	report := &report{Errors: []string{}, Wrong: []string{}}
	var ended, arrived sync.WaitGroup
	arrived.Add(clients)
	for own := 1; own <= clients; own++ {
		ended.Go(func() {
			arrive := sync.OnceFunc(arrived.Done)
			for session := range sessions {
				first := own*1000 + session*statements
				// The values of one session, which stays until every client has come to its end.
				values := func(yield func(int) bool) {
					for value := first; value < first+statements; value++ {
						if !yield(value) {
							return
						}
					}
					if stay {
						arrive()
						arrived.Wait()
					}
				}
				if err := kinds[os.Args[1]](values, report.see); err != nil {
					report.failed(err)
				}
			}
			arrive()
		})
	}
	ended.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		panic(err)
	}
}
