fn main(){ match config::load(std::env::args().nth(1).unwrap().as_ref()) { Ok(l)=>{ println!("ok"); for w in l.warnings {println!("{w}");} } Err(e)=>println!("{e}") } }
