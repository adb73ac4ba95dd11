import './home.css';
