package term

import (
	"reflect"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
)

// A Bubble Tea that keeps its ticker elsewhere would cost an idle program 1.3 % of a core again.
func TestTickerIsWhereItWas(t *testing.T) {
	field, ok := reflect.TypeFor[tea.Program]().FieldByName("ticker")
	if !ok || field.Type != reflect.TypeFor[*time.Ticker]() {
		t.Fatalf("the renderer's ticker is not to be found: %v", field)
	}
	if tickerOf(tea.NewProgram(nil)) != nil {
		t.Error("a program that does not run has a ticker")
	}
}
