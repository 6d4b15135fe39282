//! Decodes an input piece by piece and hands it out line by line, holding no more than it must.

use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::{Decoder, DecoderResult};

use super::encoding::{Detected, Known, display_name};
use super::record::InputFault;

/// How much is read and decoded at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// The longest line or row. A record of the contract has at most some 20 kB; what is longer is a file
/// without line ends, or a quote that is never closed, and must not fill the memory.
const LINE_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// The text of an input.
pub(super) struct Text {
    bytes: Box<dyn Read + Send>,
    /// Bytes read so far, for the progress bar.
    consumed: Arc<AtomicU64>,
    detected: Detected,
    decoder: Decoder,
    piece: Vec<u8>,
    decoded: String,
    /// Where in `decoded` the next line starts.
    start: usize,
    ended: bool,
    lines: u64,
}

impl Text {
    /// The text of these bytes.
    pub(super) fn new(bytes: Box<dyn Read + Send>, detected: Detected, consumed: Arc<AtomicU64>) -> Self {
        Self {
            bytes,
            consumed,
            detected,
            decoder: detected.encoding.new_decoder_with_bom_removal(),
            piece: vec![0; PIECE_BYTES],
            decoded: String::new(),
            start: 0,
            ended: false,
            lines: 0,
        }
    }

    /// The number of the line read last, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.lines
    }

    /// Appends the next line with its line end to `line`; `false` at the end of the text.
    pub(super) fn read_line(&mut self, line: &mut String) -> Result<bool, InputFault> {
        let before = line.len();
        loop {
            let rest = &self.decoded[self.start..];
            if let Some(end) = rest.find('\n') {
                line.push_str(&rest[..=end]);
                self.start += end + 1;
                self.lines += 1;
                return Ok(true);
            }
            line.push_str(rest);
            self.start = self.decoded.len();
            if line.len() > LINE_LIMIT_BYTES {
                return Err(self.too_long());
            }
            if self.ended {
                let found = line.len() > before;
                self.lines += u64::from(found);
                return Ok(found);
            }
            self.decode_piece()?;
        }
    }

    /// The text from the first character that is not white space, as far as it is decoded.
    pub(super) fn peek(&mut self) -> Result<&str, InputFault> {
        while self.decoded[self.start..].trim_start().is_empty() && !self.ended {
            // White space before the content is kept: it counts as lines.
            if self.decoded.len() > LINE_LIMIT_BYTES {
                return Err(self.too_long());
            }
            self.append_piece()?;
        }
        Ok(self.decoded[self.start..].trim_start())
    }

    fn decode_piece(&mut self) -> Result<(), InputFault> {
        self.decoded.clear();
        self.start = 0;
        self.append_piece()
    }

    fn append_piece(&mut self) -> Result<(), InputFault> {
        let read = loop {
            match self.bytes.read(&mut self.piece) {
                Ok(read) => break read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(InputFault::whole(format!("cannot be read: {error}"))),
            }
        };
        self.consumed.fetch_add(read as u64, Ordering::Relaxed);
        self.ended = read == 0;
        let mut done = 0;
        loop {
            let rest = &self.piece[done..read];
            self.decoded.reserve(
                self.decoder.max_utf8_buffer_length_without_replacement(rest.len()).unwrap_or(rest.len()),
            );
            let (result, used) =
                self.decoder.decode_to_string_without_replacement(rest, &mut self.decoded, self.ended);
            done += used;
            match result {
                DecoderResult::InputEmpty => return Ok(()),
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => return Err(self.malformed()),
            }
        }
    }

    /// Bytes that are not of the encoding stop the import: U+FFFD in their place would be written to the
    /// directory as if the user had meant it.
    fn malformed(&self) -> InputFault {
        let line = self.current_line() + self.decoded[self.start..].matches('\n').count() as u64;
        let name = display_name(self.detected.encoding);
        let advice = match self.detected.known {
            Known::Asked | Known::Marked => "",
            Known::Valid => {
                "; the first 64 KiB are, so the file may be Windows-1252 or mixed: \
                             try --encoding windows-1252, or repair it"
            }
            Known::Guessed => "; the encoding was guessed from the first 64 KiB: say it with --encoding",
        };
        InputFault::at(line, format!("this line is not valid {name}{advice}"))
    }

    fn too_long(&self) -> InputFault {
        let message = "a record that starts here or earlier is longer than 16 MiB: \
                       is a line end missing, or a quote never closed?";
        InputFault::at(self.current_line(), message)
    }

    fn current_line(&self) -> u64 {
        self.lines + 1
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Cursor, Read};
    use std::sync::Arc;

    use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

    use super::{InputFault, LINE_LIMIT_BYTES, Text};
    use crate::cli::import::encoding::{Detected, Known};

    /// Hands out one byte at a time: every character is cut wherever it can be cut.
    struct Dripping(Cursor<Vec<u8>>);

    impl Read for Dripping {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let end = buffer.len().min(1);
            self.0.read(&mut buffer[..end])
        }
    }

    /// A text of these bytes, for the tests of other modules too.
    pub(in crate::cli::import) fn text(bytes: &[u8], encoding: &'static Encoding) -> Text {
        let detected = Detected { encoding, known: Known::Valid };
        Text::new(Box::new(Dripping(Cursor::new(bytes.to_vec()))), detected, Arc::default())
    }

    fn lines(text: &mut Text) -> Result<Vec<String>, InputFault> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if !text.read_line(&mut line)? {
                return Ok(lines);
            }
            lines.push(line);
        }
    }

    fn check(bytes: &[u8], encoding: &'static Encoding, expected: &[&str]) {
        assert_eq!(lines(&mut text(bytes, encoding)).expect("readable"), expected, "{bytes:?}");
    }

    #[test]
    fn text_is_decoded_line_by_line() {
        check(b"", UTF_8, &[]);
        check(b"a\n\nb", UTF_8, &["a\n", "\n", "b"]);
        check(b"a\r\nb\r\n", UTF_8, &["a\r\n", "b\r\n"]);
        check("\u{FEFF}é\n–".as_bytes(), UTF_8, &["é\n", "–"]);
        check(b"\xFF\xFE\xE9\0\n\0", UTF_16LE, &["é\n"]);
        check(b"\0a\0\n\x20\xAC", UTF_16BE, &["a\n", "€"]);
        check(b"\xE9\x96\x92\x80", WINDOWS_1252, &["é–’€"]);
    }

    #[test]
    fn bytes_of_another_encoding_are_an_error_with_its_line() {
        let fault = lines(&mut text(b"a\nb\n\xE9t\xE9\n", UTF_8)).expect_err("not UTF-8");
        assert_eq!(fault.line, Some(3));
        assert!(fault.message.contains("--encoding windows-1252"), "{}", fault.message);
        let cut_off = lines(&mut text(b"a\n\xC3", UTF_8)).expect_err("cut off");
        assert_eq!(cut_off.line, Some(2));
        assert!(lines(&mut text(b"\x00\xD8a\0", UTF_16LE)).is_err(), "a lone surrogate");
    }

    #[test]
    fn peeking_takes_nothing_away() {
        let mut text = text(b" \n\t{\"a\":1}\n", UTF_8);
        assert!(text.peek().expect("readable").starts_with('{'));
        assert_eq!(lines(&mut text).expect("readable"), [" \n", "\t{\"a\":1}\n"]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let detected = Detected { encoding: UTF_8, known: Known::Valid };
        let endless = std::io::repeat(b'x').take(LINE_LIMIT_BYTES as u64 * 2);
        let mut text = Text::new(Box::new(endless), detected, Arc::default());
        assert!(lines(&mut text).expect_err("too long").message.contains("16 MiB"));
    }
}
