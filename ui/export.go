package ui

import (
	"strings"

	"ndwhy/diag/report"

	tea "charm.land/bubbletea/v2"

	"ndwhy/diag/render"
	"ndwhy/diag/words"
)

// copy hands what is under the cursor to the terminal's clipboard (OSC 52). Whether the terminal
// took it cannot be known, so it is kept in a file too, unless the terminal is known to.
func (m *Model) copy(s *scene) tea.Cmd {
	text := ""
	if m.overlay != nil {
		text = m.overlay.copied(s)
	} else {
		text = m.screens[m.screen].copied(s)
	}
	return m.copyText(text)
}

// copyText copies a text.
func (m *Model) copyText(text string) tea.Cmd {
	if text == "" {
		m.notice = span{say("notice.nothing-to-copy"), dim}
		return nil
	}
	text = m.mask(text)
	m.notice = span{say("notice.copied"), plain}
	clipboard := tea.SetClipboard(text)
	if m.cfg.Intents == nil {
		return clipboard
	}
	return tea.Batch(clipboard, func() tea.Msg {
		path, err := m.cfg.Intents.Keep(text)
		switch {
		case err != nil:
			return noticeMsg{text: span{words.Clean(err.Error()), red}}
		case path != "":
			return noticeMsg{text: span{say("notice.kept", "path", path), plain}}
		default:
			return nil
		}
	})
}

// save writes the report as Markdown.
func (m *Model) save() tea.Cmd {
	if m.cfg.Intents == nil {
		m.notice = span{say("notice.no-save"), yellow}
		return nil
	}
	var b strings.Builder
	if err := render.Markdown(&b, m.frame.Report); err != nil {
		m.notice = span{words.Clean(err.Error()), red}
		return nil
	}
	text := m.mask(b.String())
	return func() tea.Msg {
		path, err := m.cfg.Intents.Save(text)
		if err != nil {
			return noticeMsg{text: span{words.Clean(err.Error()), red}}
		}
		return noticeMsg{text: span{say("notice.saved", "path", path), plain}}
	}
}

// record starts the recording, or ends it.
func (m *Model) record() tea.Cmd {
	if m.cfg.Intents == nil {
		m.notice = span{say("notice.no-record"), yellow}
		return nil
	}
	on := m.latest.Recording == ""
	return func() tea.Msg {
		path, err := m.cfg.Intents.Record(on)
		switch {
		case err != nil:
			return noticeMsg{text: span{words.Clean(err.Error()), red}}
		case on:
			return noticeMsg{text: span{say("notice.recording", "path", path), plain}}
		default:
			return noticeMsg{text: span{say("notice.recorded", "path", path), plain}}
		}
	}
}

// Farewell is what the program leaves on the terminal when it has ended: the report if the user
// asked for it (Q), in the style of any other, else nothing.
func (m *Model) Farewell(style render.Style) string {
	if m.quit != leavingReport || !m.ready {
		return ""
	}
	var b strings.Builder
	style.Mask = m.mask
	if err := render.Text(&b, m.frame.Report, style); err != nil {
		return err.Error() + "\n"
	}
	return b.String()
}

// Report returns the report as it was last shown, for the exit code.
func (m *Model) Report() report.Report { return m.frame.Report }
